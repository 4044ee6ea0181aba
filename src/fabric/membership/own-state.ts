/** What a node says of itself in failure detection. */
export interface OwnState {
  phase: 'joining' | 'alive' | 'left'
  incarnation: number
}
