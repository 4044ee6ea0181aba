/** The spans of calls: what each is called and says, in the standard's names for attributes where it has one. Made only for work that is traced. */
import type { SpanAttributes, TraceContext, Tracer, TraceSpan } from '../base/index.ts'
import {
  answerWithHops,
  type Command,
  errorLine,
  type FabricHeaders,
  type FabricRpcRequest,
  type FunctionEntry,
  type RpcRequest,
} from '../wire/index.ts'

const SYSTEM = { 'rpc.system': 'mpreg' } as const

/** A request of a client; undefined: it is not traced. */
export function requestSpan(tracer: Tracer, { cmds, trace, u }: RpcRequest): TraceSpan | undefined {
  const [only, ...more] = cmds
  const method = more.length > 0 ? undefined : only?.fun
  return tracer.start(trace, {
    event: 'request',
    ...(method !== undefined && { subject: method }),
    kind: 'server',
    attributes: { ...SYSTEM, ...(method !== undefined && { 'rpc.method': method }), 'mpreg.request_id': u },
  })
}

/** A command of a request. @param links to the commands whose results it uses */
export function commandSpan(request: TraceSpan, { fun, name }: Command, level: number, links: readonly TraceContext[]): TraceSpan {
  const attributes = { ...SYSTEM, 'rpc.method': fun, 'mpreg.command': name, 'mpreg.level': level }
  return request.child({ event: 'command', subject: fun, kind: 'internal', attributes, links })
}

/** A command on its way to another node. */
export function callSpan(command: TraceSpan, { fun }: Command, { cluster_id, node_id }: FunctionEntry): TraceSpan {
  const attributes = {
    ...SYSTEM,
    'rpc.method': fun,
    ...addressOf(node_id),
    'mpreg.target_node': node_id,
    'mpreg.target_cluster': cluster_id,
  }
  return command.child({ event: 'call', subject: fun, kind: 'client', attributes })
}

/** A call that waits until a link is made. */
export function dialSpan(call: TraceSpan, node: string): TraceSpan {
  return call.child({ event: 'dial', kind: 'client', attributes: { ...addressOf(node), 'mpreg.target_node': node } })
}

function addressOf(nodeId: string): SpanAttributes {
  const url = URL.parse(nodeId)
  return url === null ? {} : { 'server.address': url.hostname, ...(url.port !== '' && { 'server.port': Number(url.port) }) }
}

/** A request that is passed on. */
export function forwardSpan(
  tracer: Tracer,
  context: TraceContext,
  command: string,
  { routing_path }: FabricHeaders,
  hop: string,
): TraceSpan | undefined {
  const attributes = { ...SYSTEM, 'rpc.method': command, 'mpreg.previous_hop': routing_path.at(-1) ?? '', 'mpreg.next_hop': hop }
  return tracer.start(context, { event: 'forward', subject: command, kind: 'internal', attributes })
}

/** A request of another node that runs here. */
export function executeSpan(
  tracer: Tracer,
  context: TraceContext,
  { command, reply_to, request_id }: FabricRpcRequest,
): TraceSpan | undefined {
  const attributes = { ...SYSTEM, 'rpc.method': command, 'mpreg.request_id': request_id, 'mpreg.caller_node': reply_to }
  return tracer.start(context, { event: 'execute', subject: command, kind: 'server', attributes })
}

/** Does the work of a span, which ends with it. */
export function watched(span: TraceSpan, work: () => unknown): unknown {
  try {
    const outcome = span.within(work)
    if (!isThenable(outcome)) {
      span.end()
      return outcome
    }
    return outcome.then(
      (value: unknown) => {
        span.end()
        return value
      },
      (error: unknown) => {
        failed(span, error)
        throw error
      },
    )
  } catch (error) {
    failed(span, error)
    throw error
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}

function failed(span: TraceSpan, error: unknown): void {
  span.fail(errorLine(error))
  span.end()
}

/** Answers a request whose span ends with that, and tells what everybody did if the caller wants to know. */
export function respondTraced(span: TraceSpan, respond: (text: string) => void): (text: string) => void {
  return (text) => {
    span.end()
    const { hops } = span.context
    respond(hops === undefined ? text : answerWithHops(text, hops))
  }
}
