/** Remarks with a sign before them, where somebody looks at a terminal. */
import { isDecorated } from './outcome.ts'

/** A line that is a result: what was done, or how it went. */
export function tell(sign: string, text: string): void {
  process.stdout.write(`${signed(sign, text, process.stdout)}\n`)
}

/** A line about what happens meanwhile, out of the way of results. */
export function remark(sign: string, text: string): void {
  process.stderr.write(`${signed(sign, text, process.stderr)}\n`)
}

function signed(sign: string, text: string, stream: { readonly isTTY?: boolean }): string {
  return isDecorated(stream) ? `${sign} ${text}` : text
}
