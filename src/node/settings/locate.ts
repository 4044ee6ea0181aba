/**
 * Where in its file a value stands.
 *
 * Parsers hand over values without positions, so the text is gone through once more when there is something to report. It was accepted by its
 * parser before; what is not understood here only makes a line less exact.
 */
import { scanArray, scanObject } from '../../wire/index.ts'
import type { Locator, Path } from './report.ts'

/** Values nested deeper get the line of what they are in. */
const DEPTH_MAX = 64

type Lines = Map<string, number>

/** For a JSON text that was parsed. */
export function locateInJson(text: string): Locator {
  return locator(text, (found) => {
    function visit(path: Path, start: number): void {
      found(path, start)
      if (path.length >= DEPTH_MAX) return
      if (text[start] === '{') scanObject(text, start, (key, at) => visit([...path, key], at))
      else if (text[start] === '[') {
        let index = 0
        scanArray(text, start, (at) => visit([...path, index++], at))
      }
    }
    visit([], text.search(/\S/))
  })
}

/** For a TOML text that was parsed. */
export function locateInToml(text: string): Locator {
  return locator(text, (found) => {
    /** How many tables each array of tables has so far. */
    const tables = new Map<string, number>()
    let at = 0
    let table: Path = []

    /** The table a header names: of an array of tables, its last one. */
    function resolve(names: readonly string[]): Path {
      const path: (string | number)[] = []
      for (const name of names) {
        path.push(name)
        const count = tables.get(JSON.stringify(path))
        if (count !== undefined) path.push(count - 1)
      }
      return path
    }

    function skip(pattern: RegExp): string {
      pattern.lastIndex = at
      const skipped = pattern.exec(text)?.[0] ?? ''
      at += skipped.length
      return skipped
    }

    function names(): string[] {
      const found: string[] = []
      do {
        skip(BLANKS)
        const written = skip(KEY_PART)
        found.push(written.startsWith('"') ? unquoted(written) : written.startsWith("'") ? written.slice(1, -1) : written)
        skip(BLANKS)
      } while (skip(DOT) !== '')
      return found
    }

    function header(): void {
      const start = at
      const brackets = skip(/\[+/y).length
      const named = names()
      skip(/\]*/y)
      if (brackets === 1) {
        table = resolve(named)
      } else {
        const array = [...resolve(named.slice(0, -1)), named.at(-1) ?? '']
        const key = JSON.stringify(array)
        const count = tables.get(key) ?? 0
        tables.set(key, count + 1)
        found(array, start)
        table = [...array, count]
      }
      found(table, start)
    }

    function pair(within: Path): void {
      const start = at
      const path = [...within]
      for (const name of names()) {
        path.push(name)
        found(path, start)
      }
      skip(/=?[ \t]*/y)
      value(path)
    }

    function value(path: Path): void {
      found(path, at)
      if (text[at] === '[') elements(path)
      else if (text[at] === '{') {
        inside('}', () => pair(path))
      } else if (skip(STRING) === '') skip(/[^,\]}\n#]*/y)
    }

    function elements(path: Path): void {
      let index = 0
      inside(']', () => value([...path, index++]))
    }

    function inside(end: string, element: () => void): void {
      at++
      for (;;) {
        skip(BETWEEN)
        if (at >= text.length || text[at] === end) break
        const before = at
        element()
        if (at === before) at++
      }
      at++
    }

    for (skip(BETWEEN); at < text.length; skip(BETWEEN)) {
      const before = at
      if (text[at] === '[') header()
      else pair(table)
      if (at === before) at++
    }
  })
}

const BLANKS = /[ \t]*/y
/** Blanks, commas, line ends and comments. */
const BETWEEN = /(?:[\s,]|#[^\n]*)*/y
const DOT = /\./y
const KEY_PART = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+/y
const STRING = /"""(?:[^\\]|\\[\s\S])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y

function unquoted(written: string): string {
  try {
    return JSON.parse(written) as string
  } catch {
    return written.slice(1, -1)
  }
}

/** @param scan calls back with each value and where it begins; the last one counts for a value that is there twice */
function locator(text: string, scan: (found: (path: Path, offset: number) => void) => void): Locator {
  let lines: Lines | undefined
  return (path) => {
    lines ??= linesOf(text, scan)
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)))
      if (line !== undefined) return line
    }
    return undefined
  }
}

function linesOf(text: string, scan: (found: (path: Path, offset: number) => void) => void): Lines {
  const lines: Lines = new Map()
  let counted = 0
  let line = 1
  scan((path, offset) => {
    // Offsets only grow, apart from names repeated within one line.
    for (; counted < offset; counted++) if (text[counted] === '\n') line++
    lines.set(JSON.stringify(path), line)
  })
  return lines
}
