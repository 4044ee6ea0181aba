/** Answers that are refusals, and the failure to get a port. */
import { MpregError } from '../wire/index.ts'

/** Ends a request with this HTTP status. The message is what the client reads. */
export class RequestRefusal extends MpregError {
  readonly code = 'MONITOR_REQUEST_REFUSED'
  readonly status: number
  /** What would have been accepted; empty when that can not be listed. */
  readonly valid: readonly string[]

  constructor(status: number, message: string, valid: readonly string[] = []) {
    super(message)
    this.name = 'RequestRefusal'
    this.status = status
    this.valid = valid
  }
}

/** Neither the wanted port nor one of the operating system's choice could be bound. */
export class MonitorListenError extends MpregError {
  readonly code = 'MONITOR_LISTEN'

  constructor(host: string, options: { readonly cause: unknown }) {
    const reason = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(`The monitoring service can not listen on ${host}: ${reason}. Check that monitoring_host is an address of this machine.`, options)
    this.name = 'MonitorListenError'
  }
}
