/** What a benchmark prints: a table for people and, as the last line, one JSON object for programs. */
import type { PairOutcome } from './pairs.ts'
import type { Summary } from './statistics.ts'

export interface Result {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly unit: string
}

export class Report {
  readonly #bench: string
  readonly #results: Record<string, Result> = {}
  readonly #ratios: Record<string, number> = {}
  readonly #rows: string[][] = []
  readonly #ratioRows: string[][] = []
  readonly #notes: string[] = []

  constructor(bench: string) {
    this.#bench = bench
  }

  result(name: string, unit: string, summary: Summary): void {
    const { median, min, max, lower, upper, count } = summary
    this.#results[name] = { median: rounded(median), min: rounded(min), max: rounded(max), unit }
    this.#rows.push([name, ...[median, lower, upper, min, max].map(shown), unit, String(count)])
  }

  /**
   * Both contenders of a comparison and their ratio.
   * @param target what is hoped for, as text: `>= 0.9`
   */
  pair(ratioName: string, unit: string, names: readonly [string, string], outcome: PairOutcome, target: string): void {
    this.result(names[0], unit, outcome.ours)
    this.result(names[1], unit, outcome.theirs)
    this.#ratio(ratioName, outcome.ratio, target)
  }

  ratio(name: string, value: Summary, target: string): void {
    this.#ratio(name, value, target)
  }

  note(line: string): void {
    this.#notes.push(line)
  }

  #ratio(name: string, { median, medianInterval, min, max, lower, upper, count }: Summary, target: string): void {
    this.#ratios[name] = Number(median.toFixed(3))
    const figures = [median, ...medianInterval, lower, upper, min, max].map((value) => value.toFixed(2))
    this.#ratioRows.push([name, ...figures, target, String(count)])
  }

  print(): void {
    printTable(['measure', 'median', '25 %', '75 %', 'min', 'max', 'unit', 'runs'], this.#rows)
    if (this.#ratioRows.length > 0)
      printTable(['ratio of pairs', 'median', '95 % from', 'to', '25 %', '75 %', 'min', 'max', 'target', 'pairs'], this.#ratioRows)
    for (const note of this.#notes) console.log(note)
    console.log(JSON.stringify({ bench: this.#bench, results: this.#results, ratios: this.#ratios }))
  }
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] as string).length)))
  for (const [number, cells] of lines.entries()) {
    // Names and units read from the left, numbers from the right.
    const shownCells = cells.map((cell, column) =>
      /[a-z]/i.test(rows[0]?.[column] ?? '') ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
    )
    console.log(shownCells.join('  ').trimEnd())
    if (number === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  }
  console.log()
}

function shown(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(rounded(value))
}

/** Four significant digits, or all of a larger integer part. */
function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}
