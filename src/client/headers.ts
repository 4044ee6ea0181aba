/** Message headers by their wire names: the common ones, and any of your own beside them. */
export interface MessageHeaders {
  readonly content_type?: string | null | undefined
  readonly correlation_id?: string | null | undefined
  /** Topic on which the publisher waits for an answer. */
  readonly reply_to?: string | null | undefined
  readonly priority?: number | null | undefined
  readonly ttl_seconds?: number | null | undefined
  readonly [custom: string]: unknown
}

/** Headers as they are sent: one without a value is left out. */
export function presentHeaders(headers: MessageHeaders): Readonly<Record<string, unknown>> {
  for (const name in headers) {
    if (headers[name] !== null && headers[name] !== undefined) continue
    return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null && value !== undefined))
  }
  return headers
}
