/** Printing JSON as it came: indented, every number with the lexeme it arrived with. */

/** The same JSON text, indented by two spaces a level. `text` must be valid JSON. */
export function indentJson(text: string): string {
  let out = ''
  let depth = 0
  const newline = () => `\n${'  '.repeat(depth)}`
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') {
      depth++
      out += token + newline()
    } else if (token === '}' || token === ']') {
      depth--
      const empty = /[{[]\s*$/.test(out.slice(-(2 * depth + 4)))
      out = empty ? out.trimEnd() + token : out + newline() + token
    } else if (token === ',') out += token + newline()
    else if (token === ':') out += ': '
    else out += token
  }
  return out
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
