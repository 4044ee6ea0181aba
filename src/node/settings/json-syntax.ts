/**
 * What is wrong with a text that is not JSON, and where.
 *
 * The platform's own message quotes what stands around the mistake, which may be a secret, and often does not say in which line it is.
 */

export interface SyntaxMistake {
  readonly offset: number
  /** What should have stood there: `a value`, `"," or "}"`. */
  readonly expected: string
}

/** The first mistake; undefined when the text is JSON (RFC 8259). */
export function findJsonMistake(text: string): SyntaxMistake | undefined {
  /** The brackets that are open, by what closes them. */
  const open: ('}' | ']')[] = []
  let at = 0
  let expects: 'value' | 'value or end' | 'key' | 'key or end' | 'end' = 'value'

  function take(pattern: RegExp): boolean {
    pattern.lastIndex = at
    const taken = pattern.exec(text)?.[0]
    if (taken === undefined) return false
    at += taken.length
    return true
  }
  const mistake = (expected: string): SyntaxMistake => ({ offset: at, expected })

  for (;;) {
    take(SPACE)
    const next = text[at]
    const close = open.at(-1)
    if (expects.endsWith('end') && next === close && close !== undefined) {
      at++
      open.pop()
      expects = 'end'
    } else if (expects === 'end') {
      if (close === undefined) return next === undefined ? undefined : mistake('nothing more')
      if (next !== ',') return mistake(`"," or "${close}"`)
      at++
      expects = close === '}' ? 'key' : 'value'
    } else if (expects.startsWith('key')) {
      if (!take(STRING)) return mistake(expects === 'key' ? 'a key in double quotes' : 'a key in double quotes, or "}"')
      take(SPACE)
      if (text[at] !== ':') return mistake('":"')
      at++
      expects = 'value'
    } else if (next === '{') {
      at++
      open.push('}')
      expects = 'key or end'
    } else if (next === '[') {
      at++
      open.push(']')
      expects = 'value or end'
    } else {
      if (!take(STRING) && !take(SCALAR)) return mistake(expects === 'value' ? 'a value' : 'a value, or "]"')
      expects = 'end'
    }
  }
}

const SPACE = /[ \t\r\n]*/y
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y
