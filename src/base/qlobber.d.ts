/** The oracle of the topic trie's tests ships no types; this is the part that is used. */
declare module 'qlobber' {
  export class Qlobber<V = unknown> {
    constructor(options?: { readonly match_empty_levels?: boolean; readonly max_wildcard_somes?: number })
    add(pattern: string, value: V): this
    remove(pattern: string, value?: V): this
    match(topic: string): V[]
  }
}
