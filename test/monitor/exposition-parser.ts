/**
 * Reads Prometheus text and OpenMetrics, character by character and by the grammar of their specifications. It shares nothing with the
 * renderer it is there to check, and refuses whatever the grammar does not allow.
 */

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string | undefined
  readonly samples: readonly ParsedSample[]
}

export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** @throws Error naming the line */
export function parseExposition(text: string, format: 'prometheus' | 'openmetrics'): Family[] {
  const families: { name: string; type: string; help: string; unit: string | undefined; samples: ParsedSample[] }[] = []
  if (text === '' && format === 'prometheus') return []
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const lines = text.slice(0, -1).split('\n')
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end')
  const seen = new Set<string>()
  const suffixes: Readonly<Record<string, readonly string[]>> = {
    counter: [format === 'openmetrics' ? '_total' : ''],
    gauge: [''],
    histogram: ['_bucket', '_sum', '_count'],
  }

  for (const line of lines) {
    const comment = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s.exec(line)
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment
      if (kind === 'HELP') {
        if (families.some((family) => family.name === name)) throw new Error(`a second family ${name}`)
        families.push({ name, type: '', help: unescaped(rest, format === 'openmetrics' ? '\\n"' : '\\n'), unit: undefined, samples: [] })
        continue
      }
      const family = families.at(-1)
      if (family?.name !== name || family.samples.length > 0) throw new Error(`${kind} out of place: ${line}`)
      if (kind === 'TYPE') family.type = rest
      else family.unit = rest
      continue
    }
    if (line.startsWith('#')) throw new Error(`no such comment: ${line}`)
    const family = families.at(-1)
    const sample = parseSample(line)
    if (family === undefined || !suffixes[family.type]?.some((suffix) => sample.name === family.name + suffix)) {
      throw new Error(`a sample outside its family: ${line}`)
    }
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
    if (seen.has(key)) throw new Error(`a second sample ${key}`)
    seen.add(key)
    family.samples.push(sample)
  }
  return families
}

function parseSample(line: string): ParsedSample {
  let at = 0
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at} of: ${line}`)
  }
  const name = take(/[a-zA-Z_:][a-zA-Z0-9_:]*/y) ?? fail('no name')
  const labels: Record<string, string> = {}
  if (line[at] === '{') {
    at++
    while (line[at] !== '}') {
      const label = take(/[a-zA-Z_][a-zA-Z0-9_]*/y) ?? fail('no label')
      if (line[at++] !== '=') fail('no =')
      if (line[at++] !== '"') fail('no quote')
      let value = ''
      while (line[at] !== '"') {
        if (at >= line.length) fail('no end of the value')
        if (line[at] === '\\') {
          at++
          value += { '\\': '\\', '"': '"', n: '\n' }[line[at] ?? ''] ?? fail('no such escape')
        } else value += line[at]
        at++
      }
      at++
      if (Object.hasOwn(labels, label)) fail('a label twice')
      Object.defineProperty(labels, label, { value, enumerable: true })
      if (line[at] === ',') at++
      else if (line[at] !== '}') fail('neither , nor }')
    }
    at++
  }
  if (line[at++] !== ' ') fail('no space')
  const number = line.slice(at)
  if (!/^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i.test(number)) fail('no number')
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) }

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(line)?.[0]
    at += found?.length ?? 0
    return found
  }
}

function unescaped(text: string, escapes: string): string {
  return text.replaceAll(/\\(.?)/gs, (_, next: string) => {
    if (next === '' || !escapes.includes(next)) throw new Error(`no such escape in a help text: ${text}`)
    return next === 'n' ? '\n' : next
  })
}
