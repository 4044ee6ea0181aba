/** The console: a framed block for whoever looks at it. */
import type { AlertBackend, AlertNotification } from '../../telemetry/index.ts'

const WIDTH = 72

/** @param print writes a text as it is */
export function createConsoleBackend(print: (text: string) => void): AlertBackend {
  return {
    send(notification) {
      print(`${consoleBlock(notification)}\n`)
      return Promise.resolve({ success: true, code: 200, message: null, retriable: false })
    },
  }
}

function consoleBlock({ channel_id, subject, body }: AlertNotification): string {
  const rule = '='.repeat(WIDTH)
  return [rule, `ALERT NOTIFICATION [${channel_id}]`, subject, '-'.repeat(WIDTH), body, rule].map(printable).join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal; a name may hold them
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g

function printable(text: string): string {
  return text.replace(controls, ' ')
}
