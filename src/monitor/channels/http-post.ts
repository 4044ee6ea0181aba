/**
 * One JSON document posted to a URL: what all backends that speak HTTP share.
 *
 * Redirects are not followed: a POST that is redirected loses its body on the way, and would be reported as delivered.
 */
import { type ChannelConfig, type DeliveryOutcome, refused } from '../../telemetry/index.ts'

/** How much of an answer is read; a sentence of it is enough to tell what went wrong. */
const ANSWER_BYTES_MAX = 2_048
const ANSWER_CHARACTERS_MAX = 500

export interface HttpPost {
  readonly url: string
  readonly document: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly isSuccess: (status: number) => boolean
}

/** Fails by an outcome, never by throwing. Network errors, 5xx and aborts are worth another try. */
export async function postJson({ url, document, headers, isSuccess }: HttpPost, signal: AbortSignal): Promise<DeliveryOutcome> {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return refused('the URL must begin with http:// or https://')
  let request: Request
  try {
    const init = { method: 'POST', body: JSON.stringify(document), redirect: 'manual', signal } as const
    request = new Request(url, { ...init, headers: { 'content-type': 'application/json', ...lowerCased(headers) } })
  } catch (error) {
    return refused(`the request can not be made: ${reason(error)}`)
  }
  try {
    const response = await fetch(request)
    const { status } = response
    const answer = await beginning(response)
    const success = isSuccess(status)
    const isRedirect = !success && status >= 300 && status < 400
    const message = isRedirect ? 'redirects are not followed: configure the URL it leads to' : answer
    return { success, code: status, message, retriable: status >= 500 }
  } catch (error) {
    return { success: false, code: null, message: reason(error), retriable: true }
  }
}

/** The URL of a channel's webhook; undefined when its config has none. */
export function webhookUrlOf({ webhook_url }: ChannelConfig): string | undefined {
  return typeof webhook_url === 'string' && webhook_url !== '' ? webhook_url : undefined
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** The first part of an answer, without waiting for the rest. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    text += decoder.decode(chunk, { stream: true })
    if (bytes >= ANSWER_BYTES_MAX) break
  }
  return text.slice(0, ANSWER_CHARACTERS_MAX)
}

/** `fetch failed` says nothing; its cause does. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!(error.cause instanceof Error)) return error.message
  const { message, code } = error.cause as Error & { code?: string }
  return `${error.message}: ${message || code || error.cause.name}`
}
