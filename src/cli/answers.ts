/** What a command does with the answer of a monitoring service: print it, and end with a failure if it is an error answer. */
import { type Format, printBody } from './body-output.ts'
import { textAt } from './json-value.ts'
import type { JsonAnswer, MonitorClient } from './monitor-client.ts'
import { CommandFailure } from './outcome.ts'

/** Asks, prints, and fails after printing where the status is not 200. @throws CommandFailure */
export async function showAnswer(client: MonitorClient, path: string, format: Format, signal?: AbortSignal): Promise<void> {
  const answer = await client.getJson(path, { signal })
  printBody(answer.text, format)
  if (answer.status !== 200) throw answerFailure(answer)
}

/** Asks for the body of a successful answer. @throws CommandFailure for any other */
export async function bodyOf(client: MonitorClient, path: string): Promise<JsonAnswer['body']> {
  const answer = await client.getJson(path)
  if (answer.status !== 200) throw answerFailure(answer)
  return answer.body
}

export function answerFailure({ body, status, url }: JsonAnswer): CommandFailure {
  const advice: Readonly<Record<number, string>> = {
    401: '. Show a token that it accepts: --token-file, or MPREG_MONITORING_TOKEN',
    404: '. Does this version of the node have it? See mpreg monitor endpoints',
  }
  const hint = status === 404 && body.status === 'error' && !/^404\b/.test(textAt(body, 'message') ?? '') ? '' : (advice[status] ?? '')
  return new CommandFailure(`Error: ${url} answered ${status}: ${textAt(body, 'message') ?? 'no reason given'}${hint}.`)
}
