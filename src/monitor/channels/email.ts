/**
 * Mail, in plain text, over SMTP.
 *
 * nodemailer is loaded with the first mail: a node that sends none does not pay for it. Each mail has a connection of its own; at the rate of
 * alerts a kept one would be closed by the server in between.
 */
import { type AlertBackend, type ChannelConfig, type DeliveryOutcome, refused } from '../../telemetry/index.ts'

/** Submission (RFC 6409). */
const PORT = 587
/** A connection that is given up must not linger for nodemailer's ten minutes. */
const TIMEOUT_SECONDS = 30

export const emailBackend: AlertBackend = {
  async send({ subject, body }, config, signal) {
    const missing = missingIn(config)
    if (missing !== undefined) return refused(`${missing} is required`)
    const { createTransport } = await import('nodemailer')
    if (signal.aborted) return refused('aborted')
    const transport = createTransport(transportOptions(config))
    const aborted = Promise.withResolvers<never>()
    const abort = (): void => {
      transport.close()
      aborted.reject(new Error('aborted'))
    }
    signal.addEventListener('abort', abort)
    try {
      const mail = { from: String(config.sender), to: [...recipientsOf(config)], subject, text: body }
      const { response } = await Promise.race([transport.sendMail(mail), aborted.promise])
      return { success: true, code: replyCode(response), message: response, retriable: false }
    } catch (error) {
      return failure(error)
    } finally {
      signal.removeEventListener('abort', abort)
      transport.close()
    }
  },
}

function missingIn(config: ChannelConfig): string | undefined {
  if (typeof config.smtp_server !== 'string' || config.smtp_server === '') return 'smtp_server'
  if (typeof config.sender !== 'string' || config.sender === '') return 'sender'
  return recipientsOf(config).length === 0 ? 'recipients' : undefined
}

function recipientsOf({ recipients, recipient }: ChannelConfig): readonly string[] {
  return [recipients, recipient].flat().filter((address): address is string => typeof address === 'string' && address !== '')
}

/** `use_ssl`: encrypted from the start. `use_tls`: STARTTLS, and no mail when the server can not. Neither: in the clear. */
function transportOptions(config: ChannelConfig) {
  const { smtp_server, smtp_port, username, password, use_tls, use_ssl, timeout } = config
  const secure = use_ssl === true
  const startTls = !secure && use_tls !== false
  const timeoutMs = (typeof timeout === 'number' ? timeout : TIMEOUT_SECONDS) * 1000
  return {
    host: String(smtp_server),
    port: typeof smtp_port === 'number' ? smtp_port : PORT,
    secure,
    requireTLS: startTls,
    ignoreTLS: !secure && !startTls,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(typeof username === 'string' && { auth: { user: username, pass: String(password ?? '') } }),
  }
}

/** Without a reply of the server it is the network's fault; 4xx is SMTP's "try again later" (RFC 5321, 4.2.1). */
function failure(error: unknown): DeliveryOutcome {
  const { message, code, responseCode } = error as Error & { code?: string; responseCode?: number }
  const isNetwork = responseCode === undefined && NETWORK_CODES.has(code ?? '')
  const retriable = isNetwork || (responseCode !== undefined && responseCode >= 400 && responseCode < 500)
  return { success: false, code: responseCode ?? null, message: message || code || 'the mail could not be sent', retriable }
}

/** What nodemailer calls failures of the connection. */
const NETWORK_CODES: ReadonlySet<string> = new Set(['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'ECONNREFUSED', 'ECONNRESET'])

function replyCode(response: string): number | null {
  const code = Number.parseInt(response, 10)
  return Number.isNaN(code) ? null : code
}
