/**
 * The frame of a single call: a graph of one command, whose label nobody chose and nobody sees.
 *
 * An argument that equals a command's label, or begins with it and a dot, is a reference to its result, and a command that refers to
 * itself is refused by some nodes. So the label must not occur among the arguments. It is the same for nearly every call all the same:
 * results then come under one key, and a JavaScript engine parses objects of a known shape in half the time. Only a call whose text has
 * something like the label in it gets its own id as label, which nobody else can know.
 */
import type { TraceContext } from '../base/index.ts'
import { encodeRpcRequest } from '../wire/browser.ts'

/** Which of several functions is meant, and arguments by name. */
export interface CallTarget {
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Resources the function must offer. */
  readonly locs?: readonly string[]
  readonly functionId?: string
  /** Such as `>=1.2,<2`. */
  readonly versionConstraint?: string
  readonly targetCluster?: string
  readonly routingTopic?: string
}

const LABEL = '@call'
const QUOTED = `"${LABEL}`

/** @throws EncodingError for an argument without a JSON form */
export function encodeCall(u: string, fun: string, args: readonly unknown[], target: CallTarget, trace?: TraceContext): string {
  const text = encodeAs(LABEL, u, fun, args, target, trace)
  return isAmbiguous(text) ? encodeAs(u, u, fun, args, target, trace) : text
}

function encodeAs(name: string, u: string, fun: string, args: readonly unknown[], target: CallTarget, trace?: TraceContext): string {
  const { functionId, kwargs, locs, routingTopic, targetCluster, versionConstraint } = target
  const command = { name, fun, args, functionId, versionConstraint, targetCluster, routingTopic }
  const whole = kwargs === undefined && locs === undefined ? command : { ...command, kwargs: kwargs ?? {}, locs: locs ?? [] }
  return encodeRpcRequest(u, [whole], undefined, trace)
}

/** Whether a string other than the label itself begins like it, or may do so in disguise: raw arguments can spell it with escapes. */
function isAmbiguous(text: string): boolean {
  return text.includes(QUOTED, text.indexOf(QUOTED) + 1) || text.includes('\\u')
}
