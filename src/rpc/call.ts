/** A running call, as its function, its authorisation hook and the middleware see it. */
import type { TraceSpan } from '../base/index.ts'

/** On whose behalf a request runs. */
export interface Caller {
  /** Connection the request came in on; empty for calls made in-process. */
  readonly connectionId: string
  readonly remote: string
  /** Cluster whose view of the catalog the caller has. */
  readonly viewerCluster: string
  readonly viewerTenant: string | null
  /** Name of the credential that let the connection in, if one was required. */
  readonly credential: string | null
  /** Whether it may change what discovery shows: it showed the admin's token, or is the node itself. */
  readonly isAdmin: boolean
}

export interface Call {
  /** Correlation id of the request. */
  readonly requestId: string
  /** Label of the command inside the request. */
  readonly command: string
  readonly fun: string
  readonly version: string
  readonly caller: Caller
  /** Monotonic milliseconds at which the whole request is answered with a timeout. */
  readonly deadlineMs: number
  /** Milliseconds left until the deadline. */
  remainingMs(): number
  /** Aborts when the deadline passes, the caller disconnects, or another command of the request fails. Created when first read. */
  readonly signal: AbortSignal
}

/** One aborter for all commands of a request, made only if somebody looks at the signal. */
export class Cancellation {
  #controller: AbortController | undefined
  #reason: Error | undefined
  #listeners: ((reason: Error) => void)[] | undefined

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  get reason(): Error | undefined {
    return this.#reason
  }

  /** What a listener of the signal costs is paid only by those who were handed the signal. */
  add(listener: (reason: Error) => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  remove(listener: (reason: Error) => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1
    if (at >= 0) this.#listeners?.splice(at, 1)
  }

  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const listener of [...(this.#listeners ?? [])]) listener(reason)
  }
}

/** What of the called function a call shows. */
export interface CalledFunction {
  readonly name: string
  readonly versionText: string
}

export class RunningCall implements Call {
  readonly requestId: string
  readonly command: string
  readonly caller: Caller
  readonly deadlineMs: number
  /** Of the command, if its request is traced. */
  span: TraceSpan | undefined
  readonly #fn: CalledFunction
  readonly #cancellation: Cancellation
  readonly #now: () => number

  constructor(
    requestId: string,
    command: string,
    caller: Caller,
    deadlineMs: number,
    fn: CalledFunction,
    cancellation: Cancellation,
    now: () => number,
  ) {
    this.requestId = requestId
    this.command = command
    this.caller = caller
    this.deadlineMs = deadlineMs
    this.#fn = fn
    this.#cancellation = cancellation
    this.#now = now
  }

  get fun(): string {
    return this.#fn.name
  }

  get version(): string {
    return this.#fn.versionText
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal
  }

  remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.#now())
  }

  /** Why the call was aborted, if it was. */
  get abortReason(): Error | undefined {
    return this.#cancellation.reason
  }

  /** Like listening to {@link signal}, without making one. */
  onAbort(listener: (reason: Error) => void): void {
    this.#cancellation.add(listener)
  }

  offAbort(listener: (reason: Error) => void): void {
    this.#cancellation.remove(listener)
  }
}
