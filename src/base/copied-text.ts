/**
 * A text by itself. What is cut out of another is a view into that, and keeps it whole for as long as it lives: of a frame, a hundred times what
 * is meant. So whatever outlives its frame is a copy.
 */
export function copiedText(text: string): string {
  // Joined texts are copied into one when a piece of them is asked for.
  return ` ${text}`.slice(1)
}
