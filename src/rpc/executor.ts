/**
 * Runs requests: resolves every command, orders them into levels, runs a level's commands side by side, and answers with the results of
 * the last level, each encoded once.
 *
 * A request whose functions are synchronous costs no promise and no timer; the deadlines of all others share one timer. The answer
 * leaves through `respond`, exactly once, whatever happens.
 */
import { type DeadlineHandle, DeadlineQueue, type Env, LinkedList, type ListHandle, type Tracer, type TraceSpan } from '../base/index.ts'
import {
  type Command,
  type ExecutionSummary,
  encodeIntermediateResult,
  encodeJson,
  encodeRpcError,
  encodeRpcResponse,
  encodeSingleResult,
  errorLine,
  floatText,
  type IntermediateResult,
  RawJson,
  RPC_CODES,
  RpcError,
  type RpcErrorObject,
  type RpcRequest,
} from '../wire/index.ts'
import { type Caller, Cancellation, RunningCall } from './call.ts'
import { type CallMiddleware, hasHooks, runHooked } from './middleware.ts'
import type { NotFoundExplanation } from './not-found.ts'
import { bindArguments } from './parameters.ts'
import { carriedWhole, commandsByName, createResolver, levelsOf, referencesOf, substitute } from './references.ts'
import type { RegisteredFunction, Registry, Selector } from './registry.ts'
import { selectorOf } from './selector.ts'
import { commandSpan, requestSpan, respondTraced, watched } from './spans.ts'

/** A function on another node, as a command will call it. */
export interface RemoteFunction {
  readonly remote: true
  readonly name: string
  readonly versionText: string
  readonly clusterId: string
  /** Resolves with the result, or with an error object as a value: failures of other nodes' functions are values. */
  call(cmd: Command, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>, call: RunningCall): Promise<unknown>
}

/** Where a command runs. */
export type Placement =
  | { readonly kind: 'local' }
  | { readonly kind: 'remote'; readonly fn: RemoteFunction }
  | { readonly kind: 'none'; readonly explanation: NotFoundExplanation }

/** The rest of the fabric, to the executor of one node. */
export interface RemoteFunctions {
  /** @param local what qualifies on this node, if anything. @param caller who is told where there is nothing */
  place(selector: Selector, local: RegisteredFunction | undefined, caller: Caller): Placement
}

/** What became of a command that was run for another node. */
export interface CommandOutcome {
  succeeded(resultText: string): void
  failed(error: unknown, object: RpcErrorObject): void
}

/** Who measures requests. Not told of commands that run for other nodes: those count where they were asked for. */
export interface RequestObserver {
  /** One level of its graph is done. @param durationMs of the level */
  level(request: RpcRequest, index: number, level: readonly Command[], durationMs: number): void
  /** It was answered, or nobody waits for the answer any more. @param error what it failed with; undefined for a result */
  ended(request: RpcRequest, durationMs: number, nowMs: number, error: unknown): void
}

export interface ExecutorDeps {
  readonly env: Env
  readonly registry: Registry
  readonly middleware: readonly CallMiddleware[]
  /** Without it every command runs here or nowhere. */
  readonly remote?: RemoteFunctions
  /** Publishes a per-level record on the topic a request named. */
  readonly publishIntermediate: (requestId: string, topic: string, messageId: string, payloadText: string, caller: Caller) => void
  readonly observer?: RequestObserver | undefined
  readonly tracer?: Tracer | undefined
}

export interface ExecutorOptions {
  readonly deadlineMs: number
  /** Requests of one connection that may be running at once. */
  readonly requestsInFlightMax: number
  /** Commands in one request. */
  readonly commandsMax: number
  /** Characters of JSON that results and references of one request may come to. */
  readonly resultCharactersMax: number
  /** Put stack traces into the details of execution errors. */
  readonly detailsWithStack: boolean
}

export interface ExecutorSnapshot {
  readonly requests_total: number
  readonly requests_failed: number
  readonly requests_in_flight: number
  readonly requests_overloaded: number
  readonly requests_timed_out: number
  readonly commands_total: number
}

/** The requests of one connection. */
export interface RequestSource {
  /** Its `connectionId` is empty for calls made in-process. */
  readonly caller: Caller
  /** Requests that have started and are not answered; owned by the executor. */
  readonly inFlight: LinkedList<object>
}

export interface Executor {
  execute(request: RpcRequest, source: RequestSource, respond: (text: string) => void): void
  /**
   * Runs one command for another node, on this node or not at all.
   * @param remainingMs what is left of the time it was given
   * @param span of the work, if it is traced; its end is up to the caller
   * @returns how to abort it; nobody is told then
   */
  executeCommand(
    cmd: Command,
    requestId: string,
    remainingMs: number,
    source: RequestSource,
    outcome: CommandOutcome,
    span?: TraceSpan,
  ): (reason: string) => void
  /** Aborts what a closed connection still has running; its answers go nowhere. */
  abandon(source: RequestSource): void
  snapshot(): ExecutorSnapshot
  /** From now on new requests are answered with overloaded: the node is stopping. */
  refuseMore(): void
  readonly isStopping: boolean
  /** Fails everything in flight; nothing of the executor stays behind. */
  close(): void
}

export function createExecutor(deps: ExecutorDeps, options: ExecutorOptions): Executor {
  const { clock } = deps.env
  const log = deps.env.log.scope('server')
  const deadlines = new DeadlineQueue<Run>({ clock, timers: deps.env.timers, onExpire: (run) => run.expire() })
  const running = new LinkedList<Run>()
  let refusing = false
  const counters = { requests: 0, failed: 0, overloaded: 0, timedOut: 0, commands: 0 }
  /** When the last request of this turn of the event loop ended, if that was measured. */
  let endedMs: number | undefined
  const forgetEnd = (): void => {
    endedMs = undefined
  }

  /**
   * A request of a connection that follows another within the turn was waiting behind it: it begins when that one ends, with the reading of its
   * frame. Looking at the clock is a good part of what measuring costs.
   */
  function beginMs({ caller }: RequestSource): number {
    return endedMs !== undefined && caller.connectionId !== '' ? endedMs : clock.monotonic()
  }

  function endMs(): number {
    if (endedMs === undefined) queueMicrotask(forgetEnd)
    endedMs = clock.monotonic()
    return endedMs
  }

  /** A request on its way: what all kinds have in common, from its first command to its one answer. */
  abstract class Run {
    readonly request: RpcRequest
    readonly source: RequestSource
    readonly startedMs: number
    readonly cancellation = new Cancellation()
    /** If it is traced; ends with the answer. Set before the start. */
    span: TraceSpan | undefined
    /** What the whole run may take, milliseconds. */
    readonly limitMs: number = options.deadlineMs
    #respond: ((text: string) => void) | undefined
    #deadline: DeadlineHandle<Run> | undefined
    #running: ListHandle | undefined
    #inFlight: ListHandle | undefined
    readonly #observer: RequestObserver | null
    #error: unknown

    constructor(
      request: RpcRequest,
      source: RequestSource,
      respond: (text: string) => void,
      observer: RequestObserver | null = deps.observer ?? null,
    ) {
      this.request = request
      this.source = source
      this.startedMs = beginMs(source)
      this.#respond = respond
      this.#observer = observer
    }

    get answered(): boolean {
      return this.#respond === undefined
    }

    /** Runs what can run now. */
    abstract start(): void

    /** The request outlives its turn: from now on it has a deadline and counts against its connection. */
    protected wait(): void {
      this.#inFlight = this.source.inFlight.add(this)
      this.#running = running.add(this)
      this.#deadline = deadlines.add(this, this.startedMs + this.limitMs)
    }

    /** The function's result, or a promise of it. */
    protected perform(
      cmd: Command,
      fn: RegisteredFunction | RemoteFunction,
      args: readonly unknown[],
      kwargs: Readonly<Record<string, unknown>>,
    ): unknown {
      counters.commands++
      const { request, source } = this
      const deadlineMs = this.startedMs + this.limitMs
      const call = new RunningCall(request.u, cmd.name, source.caller, deadlineMs, fn, this.cancellation, clock.monotonic)
      if (this.span === undefined) return this.#invoke(cmd, fn, args, kwargs, call)
      const span = this.commandSpan(cmd, this.span)
      const work = (): unknown => this.#invoke(cmd, fn, args, kwargs, call)
      call.span = span ?? this.span
      return span === undefined ? this.span.within(work) : watched(span, work)
    }

    /** Of a command in a request that is traced; undefined: it is all the request asks for, and has that one's. */
    protected commandSpan(_cmd: Command, _request: TraceSpan): TraceSpan | undefined {
      return undefined
    }

    #invoke(
      cmd: Command,
      fn: RegisteredFunction | RemoteFunction,
      args: readonly unknown[],
      kwargs: Readonly<Record<string, unknown>>,
      call: RunningCall,
    ): unknown {
      if ('remote' in fn) return fn.call(cmd, args, kwargs, call)
      const bound = bindArguments(fn.signature, args, kwargs, fn.raw)
      if (fn.authorize === undefined && !hasHooks(deps.middleware)) return fn.invoke(bound, call)
      return runHooked(deps.middleware, fn, call, bound, clock.monotonic)
    }

    fail(error: unknown): void {
      if (this.answered) return
      counters.failed++
      this.#error = error
      const object = errorObject(error, options.detailsWithStack)
      if (log.debugOn) log.debug(`request failed u=${this.request.u} code=${object.code} ${errorLine(error)}`)
      this.span?.fail(errorLine(error))
      this.answerFailure(error, object)
      this.cancellation.abort(error instanceof Error ? error : new Error(String(error)))
    }

    protected answerFailure(_error: unknown, object: RpcErrorObject): void {
      this.answer(encodeFailure(this.request.u, object))
    }

    expire(): void {
      counters.timedOut++
      const seconds = floatText(this.limitMs / 1000)
      this.fail(
        new RpcError({
          code: RPC_CODES.timedOut,
          message: `RPC execution timed out after ${seconds} seconds`,
          details: `The ${isTracked(this.request) ? 'enhanced ' : ''}RPC workflow took too long to complete`,
        }),
      )
    }

    /** The caller is gone: nobody gets the answer. */
    drop(reason: string): void {
      this.#respond = undefined
      this.#release()
      const error = new Error(reason)
      this.span?.fail(reason)
      this.span?.end()
      this.#ended(error)
      this.cancellation.abort(error)
    }

    protected answer(text: string): void {
      const respond = this.#respond
      this.#respond = undefined
      this.#release()
      respond?.(text)
      this.#ended(this.#error)
    }

    #ended(error: unknown): void {
      if (this.#observer !== null) this.#tell(this.#observer, error)
    }

    #tell(observer: RequestObserver, error: unknown): void {
      const nowMs = endMs()
      observer.ended(this.request, nowMs - this.startedMs, nowMs, error)
    }

    #release(): void {
      if (this.#deadline === undefined) return
      deadlines.remove(this.#deadline)
      running.remove(this.#running as ListHandle)
      this.source.inFlight.remove(this.#inFlight as ListHandle)
    }
  }

  /** One command whose result is all that is asked for, by far the most frequent request: no graph and no levels. */
  class SingleRun extends Run {
    start(): void {
      const cmd = this.request.cmds[0] as Command
      try {
        const outcome = this.perform(cmd, resolve(cmd, this.source.caller), cmd.args, cmd.kwargs)
        if (!isThenable(outcome)) {
          this.#succeed(cmd, outcome)
          return
        }
        outcome.then(
          (value) => this.#completed(cmd, value),
          (error: unknown) => this.fail(error),
        )
      } catch (error) {
        this.fail(error)
      }
      if (!this.answered) this.wait()
    }

    #completed(cmd: Command, value: unknown): void {
      if (this.answered) return
      try {
        this.#succeed(cmd, value)
      } catch (error) {
        this.fail(error)
      }
    }

    #succeed(cmd: Command, value: unknown): void {
      this.answer(encodeSingleResult(this.request.u, cmd.name, encodeJson(value)))
    }
  }

  /** One command for another node. */
  class CommandRun extends Run {
    override readonly limitMs: number
    readonly #outcome: CommandOutcome
    /** Ended by whoever asked for the run. */
    readonly #execution: TraceSpan | undefined

    constructor(request: RpcRequest, source: RequestSource, limitMs: number, outcome: CommandOutcome, execution: TraceSpan | undefined) {
      super(request, source, () => {}, null)
      this.limitMs = limitMs
      this.#outcome = outcome
      this.#execution = execution
    }

    start(): void {
      const cmd = this.request.cmds[0] as Command
      try {
        const perform = () => this.perform(cmd, resolveHere(cmd, this.source.caller), cmd.args, cmd.kwargs)
        const outcome = this.#execution === undefined ? perform() : this.#execution.within(perform)
        if (!isThenable(outcome)) {
          this.#succeed(outcome)
          return
        }
        outcome.then(
          (value) => {
            if (!this.answered) this.#succeed(value)
          },
          (error: unknown) => this.fail(error),
        )
      } catch (error) {
        this.fail(error)
      }
      if (!this.answered) this.wait()
    }

    #succeed(value: unknown): void {
      let text: string
      try {
        text = encodeJson(value)
      } catch (error) {
        this.fail(error)
        return
      }
      this.answer('')
      this.#outcome.succeeded(text)
    }

    protected override answerFailure(error: unknown, object: RpcErrorObject): void {
      this.answer('')
      this.#outcome.failed(error, object)
    }
  }

  /** Commands that refer to each other, or that are watched while they run. */
  class GraphRun extends Run {
    readonly #tracked = isTracked(this.request)
    #levels: readonly (readonly Command[])[] = []
    readonly #functions = new Map<Command, RegisteredFunction | RemoteFunction>()
    #levelIndex = -1
    #levelStartedMs = 0
    #pending = 0
    readonly #results = new Map<string, string>()
    #levelResults = new Map<string, string>()
    readonly #levelTimes: number[] = []
    readonly #records: IntermediateResult[] = []
    #commandsRun = 0
    #spent = 0
    /** Of commands that have begun, if the request is traced. */
    readonly #spans = new Map<string, TraceSpan>()
    readonly #resolve = createResolver({
      results: this.#results,
      spend: (characters) => this.#spend(characters),
      unresolved: (reference) => {
        if (log.debugOn) log.debug(`request u=${this.request.u}: '${reference}' leads to no field, passed as text`)
      },
    })

    start(): void {
      try {
        const byName = commandsByName(this.request.cmds)
        for (const cmd of byName.values()) this.#functions.set(cmd, resolve(cmd, this.source.caller))
        this.#levels = byName.size === 1 ? [[...byName.values()]] : levelsOf(byName)
        this.#nextLevel()
      } catch (error) {
        this.fail(error)
      }
      if (!this.answered) this.wait()
    }

    #nextLevel(): void {
      for (;;) {
        this.#levelIndex++
        const level = this.#levels[this.#levelIndex]
        if (level === undefined) return this.#succeed()
        this.#levelStartedMs = clock.monotonic()
        this.#levelResults = new Map()
        this.#pending = level.length
        for (const cmd of level) {
          this.#runCommand(cmd)
          if (this.answered) return
        }
        // Asynchronous members come back through #completed, which goes on from here.
        if (this.#pending > 0) return
        this.#levelDone(level)
      }
    }

    #runCommand(cmd: Command): void {
      this.#commandsRun++
      try {
        const { args, kwargs } = this.#levelIndex === 0 ? cmd : this.#substituted(cmd)
        const outcome = this.perform(cmd, this.#functions.get(cmd) as RegisteredFunction | RemoteFunction, args, kwargs)
        if (isThenable(outcome)) {
          outcome.then(
            (value) => this.#completed(cmd, value),
            (error: unknown) => this.fail(error),
          )
        } else this.#stored(cmd, outcome)
      } catch (error) {
        this.fail(error)
      }
    }

    protected override commandSpan(cmd: Command, request: TraceSpan): TraceSpan {
      const used = [...referencesOf(cmd, this.#spans)].map((name) => (this.#spans.get(name) as TraceSpan).context)
      const span = commandSpan(request, cmd, this.#levelIndex, used)
      this.#spans.set(cmd.name, span)
      return span
    }

    #substituted(cmd: Command): { args: readonly unknown[]; kwargs: Readonly<Record<string, unknown>> } {
      const put = (value: unknown) => carriedWhole(substitute(value, this.#resolve))
      return { args: cmd.args.map(put), kwargs: Object.fromEntries(Object.entries(cmd.kwargs).map(([key, value]) => [key, put(value)])) }
    }

    /** References multiply: a few short commands could otherwise build results without end. */
    #spend(characters: number): void {
      this.#spent += characters
      if (this.#spent <= options.resultCharactersMax) return
      const mib = options.resultCharactersMax / 1048576
      throw new RangeError(`results and references of this request exceed ${mib} MiB; ask for less, or in several requests`)
    }

    #stored(cmd: Command, value: unknown): void {
      const text = encodeJson(value)
      this.#spend(text.length)
      this.#results.set(cmd.name, text)
      this.#levelResults.set(cmd.name, text)
      this.#pending--
    }

    /** An asynchronous command is done; by now its level may have failed. */
    #completed(cmd: Command, value: unknown): void {
      if (this.answered) return
      try {
        this.#stored(cmd, value)
        if (this.#pending > 0) return
        this.#levelDone(this.#levels[this.#levelIndex] as readonly Command[])
        this.#nextLevel()
      } catch (error) {
        this.fail(error)
      }
    }

    #levelDone(level: readonly Command[]): void {
      if (!this.#tracked && deps.observer === undefined) return
      const elapsed = clock.monotonic() - this.#levelStartedMs
      deps.observer?.level(this.request, this.#levelIndex, level, elapsed)
      if (!this.#tracked) return
      this.#levelTimes.push(elapsed)
      if (!this.request.return_intermediate_results) return
      const record: IntermediateResult = {
        request_id: this.request.u,
        level_index: this.#levelIndex,
        level_results: inOrder(level, this.#levelResults),
        accumulated_results: new Map(this.#results),
        total_levels: this.#levels.length,
        completed_levels: this.#levelIndex + 1,
        timestamp: clock.wall(),
        execution_time_ms: elapsed,
      }
      for (const text of record.accumulated_results.values()) this.#spend(text.length)
      this.#records.push(record)
      const topic = this.request.intermediate_result_callback_topic
      if (topic !== null) {
        deps.publishIntermediate(
          record.request_id,
          topic,
          `rpc_intermediate_${record.request_id}_${record.level_index}`,
          encodeIntermediateResult(record),
          this.source.caller,
        )
      }
    }

    #summary(): ExecutionSummary | null {
      const times = this.#levelTimes
      if (!this.request.include_execution_summary || times.length === 0) return null
      return {
        request_id: this.request.u,
        total_execution_time_ms: clock.monotonic() - this.startedMs,
        total_levels: times.length,
        level_execution_times: times,
        bottleneck_level_index: times.indexOf(Math.max(...times)),
        average_level_time_ms: times.reduce((sum, time) => sum + time, 0) / times.length,
        parallel_commands_executed: this.#commandsRun,
        cross_cluster_hops: [...this.#functions.values()].filter(
          (fn) => 'remote' in fn && fn.clusterId !== this.source.caller.viewerCluster,
        ).length,
      }
    }

    #succeed(): void {
      const last = this.#levels.at(-1) ?? []
      this.answer(encodeRpcResponse(this.request.u, inOrder(last, this.#levelResults), this.#records, this.#summary()))
    }
  }

  /** @throws RpcError command not found, with its explanation; Error for a malformed constraint */
  function resolve(cmd: Command, caller: Caller): RegisteredFunction | RemoteFunction {
    const selector = selectorOf(cmd)
    const local = deps.registry.find(selector)
    const placement = deps.remote?.place(selector, local, caller)
    if (placement?.kind === 'remote') return placement.fn
    if (local !== undefined) return local
    throw notFound(cmd, placement?.kind === 'none' ? placement.explanation : deps.registry.explain(selector, caller))
  }

  /** @throws as {@link resolve} */
  function resolveHere(cmd: Command, caller: Caller): RegisteredFunction {
    const selector = selectorOf(cmd)
    const local = deps.registry.find(selector)
    if (local === undefined) throw notFound(cmd, deps.registry.explain(selector, caller))
    return local
  }

  function notFound(cmd: Command, explanation: NotFoundExplanation): RpcError {
    return new RpcError({
      code: RPC_CODES.commandNotFound,
      message: 'Command not found',
      details: `Command not found: ${cmd.fun}`,
      explanation,
    })
  }

  function spanOf(request: RpcRequest): TraceSpan | undefined {
    const { tracer } = deps
    if (tracer === undefined || (request.trace === undefined && !tracer.begins())) return undefined
    return requestSpan(tracer, request)
  }

  /** Why a request is not taken on; undefined when it is. */
  function refusal(source: RequestSource): RpcErrorObject | undefined {
    if (refusing) return overloaded('the node is stopping', 1)
    if (source.inFlight.size < options.requestsInFlightMax) return undefined
    counters.overloaded++
    const why = `${source.inFlight.size} requests in flight on this connection, limit ${options.requestsInFlightMax}`
    return overloaded(why, RETRY_AFTER_SECONDS)
  }

  return {
    execute(request, source, respond) {
      counters.requests++
      const refused = refusal(source)
      if (refused !== undefined) {
        respond(encodeRpcError(request.u, refused))
        deps.observer?.ended(request, 0, clock.monotonic(), refused)
        return
      }
      const single = request.cmds.length === 1 && !isTracked(request)
      const span = spanOf(request)
      const answer = span === undefined ? respond : respondTraced(span, respond)
      const run = single ? new SingleRun(request, source, answer) : new GraphRun(request, source, answer)
      run.span = span
      if (request.cmds.length > options.commandsMax) {
        run.fail(new RangeError(`cmds: ${request.cmds.length} commands, at most ${options.commandsMax} in one request; split it`))
        return
      }
      run.start()
    },

    executeCommand(cmd, requestId, remainingMs, source, outcome, span) {
      counters.requests++
      const refused = refusal(source)
      if (refused !== undefined) {
        outcome.failed(new RpcError(refused), refused)
        return () => {}
      }
      const request = { ...BARE_REQUEST, u: requestId, cmds: [cmd] }
      const run = new CommandRun(request, source, Math.min(remainingMs, options.deadlineMs), outcome, span)
      run.start()
      return (reason) => {
        if (!run.answered) run.drop(reason)
      }
    },

    abandon(source) {
      for (const run of source.inFlight.values()) (run as Run).drop('the caller disconnected')
    },
    snapshot: () => ({
      requests_total: counters.requests,
      requests_failed: counters.failed,
      requests_in_flight: running.size,
      requests_overloaded: counters.overloaded,
      requests_timed_out: counters.timedOut,
      commands_total: counters.commands,
    }),
    refuseMore() {
      refusing = true
    },
    get isStopping() {
      return refusing
    },
    close() {
      for (const run of running.values()) run.fail(new Error('the node stopped while the function was running'))
      deadlines.close()
    },
  }
}

const BARE_REQUEST = {
  return_intermediate_results: false,
  intermediate_result_callback_topic: null,
  include_execution_summary: false,
  debug_mode: false,
} as const

/** Whether a request asks for more than results. */
function isTracked(request: RpcRequest): boolean {
  return request.return_intermediate_results || request.include_execution_summary || request.debug_mode
}

/** An error whose details have no JSON form is still answered. */
function encodeFailure(u: string, object: RpcErrorObject): string {
  try {
    return encodeRpcError(u, object)
  } catch (error) {
    return encodeRpcError(u, { ...object, details: `details left out: ${errorLine(error)}` })
  }
}

function inOrder(level: readonly Command[], results: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(level.map((cmd) => [cmd.name, results.get(cmd.name) as string]))
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && !(value instanceof RawJson) && typeof (value as { then?: unknown }).then === 'function'
  )
}

/** How long a caller that met a full queue should wait, seconds: about what a few typical calls need to drain. */
const RETRY_AFTER_SECONDS = 0.1

function overloaded(why: string, retryAfterSeconds: number): RpcErrorObject {
  return { code: RPC_CODES.overloaded, message: 'overloaded', details: `OverloadedError: ${why}; retry after ${retryAfterSeconds} s` }
}

/**
 * The error object of a failed request. An {@link RpcError}, or anything thrown with a numeric `code` and a `message`, is the handler's
 * own answer; everything else is "execution failed" with one line of details.
 */
function errorObject(error: unknown, withStack: boolean): RpcErrorObject {
  if (error instanceof RpcError) return error.toObject()
  if (typeof error === 'object' && error !== null && !(error instanceof Error)) {
    const { code, message, details } = error as { code?: unknown; message?: unknown; details?: unknown }
    if (Number.isInteger(code) && typeof message === 'string') return { code: code as number, message, details: details ?? null }
  }
  const line = errorLine(error)
  const stack = withStack && error instanceof Error && error.stack !== undefined ? `${error.stack}\n${line}` : line
  return { code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: stack }
}
