/** Reading and printing JSON without changing it: every number keeps the lexeme it came with, every object the order of its keys. */

/** The same JSON text, indented by two spaces a level. `text` must be valid JSON. */
export function indentJson(text: string): string {
  let out = ''
  let depth = 0
  /** A bracket was opened, and it is not known yet whether anything is inside. */
  let opened = false
  const newline = () => `\n${'  '.repeat(depth)}`
  for (let at = 0; at < text.length; at++) {
    const c = text.charAt(at)
    if (c === ' ' || c === '\n' || c === '\r' || c === '\t') continue
    if (c === '}' || c === ']') {
      depth--
      out += opened ? c : newline() + c
      opened = false
      continue
    }
    if (opened) out += newline()
    opened = c === '{' || c === '['
    if (opened) {
      depth++
      out += c
    } else if (c === '"') {
      const end = stringEnd(text, at)
      out += text.slice(at, end)
      at = end - 1
    } else if (c === ',') out += c + newline()
    else out += c === ':' ? ': ' : c
  }
  return out
}

/** Index after the string that starts at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1
  return at + 1
}

/** A value on one line, integers beyond 2^53 with all their digits. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? rawJson(String(member)) : member))
}

/** Not in the library's types yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** An argument as the shell gave it: JSON where it is JSON, else the text itself, as a JSON string. */
export function argumentText(word: string): string {
  try {
    JSON.parse(word)
    return word.trim()
  } catch {
    return JSON.stringify(word)
  }
}
