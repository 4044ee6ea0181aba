/** Tables and text for people. Colours only where standard output is a terminal. */
import Table from 'cli-table3'
import { createColors } from 'picocolors'
import { isDecorated } from './outcome.ts'

/** Of standard output. */
export const colors = createColors(isDecorated(process.stdout))

export interface TableContent {
  readonly title?: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Lines of a table, without a newline at the end. */
export function tableText({ head, rows, title }: TableContent): string {
  const table = new Table({ head: head.map((text) => colors.bold(text)), style: { head: [], border: [] } })
  for (const row of rows) table.push([...row])
  const text = table.toString()
  if (title === undefined) return text
  const indent = Math.max(0, Math.floor((table.width - title.length) / 2))
  return `${' '.repeat(indent)}${colors.bold(title)}\n${text}`
}

/** Seconds since the epoch as `YYYY-MM-DD HH:MM:SS`, local time. */
export function localTime(seconds: unknown, absent = '-'): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return absent
  const date = new Date(seconds * 1000)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const byHealth: Readonly<Record<string, (text: string) => string>> = {
  healthy: colors.green,
  ok: colors.green,
  info: colors.blue,
  degraded: colors.yellow,
  warning: colors.yellow,
  critical: colors.red,
  unhealthy: colors.red,
  error: colors.red,
  unavailable: colors.gray,
}

/** A health status or severity, or another text, in the colour of the status. */
export function colored(status: string, text = status): string {
  return (byHealth[status] ?? String)(text)
}

/** What a terminal would act on, such as escape sequences in a name that a node made up, is shown instead. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
