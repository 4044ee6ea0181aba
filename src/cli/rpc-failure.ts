/** A node's error answer in words: code and message, the details, and how the node explains that it found no function. */
import type { RpcError } from '../client/index.ts'
import { indentJson, jsonLine } from './json-output.ts'

/** Lines about an error a node answered with. */
export function rpcFailureLines({ details, explanation, message, rpcCode }: RpcError): string[] {
  const lines = [`Error ${rpcCode}: ${message}`]
  if (typeof details === 'string') lines.push(details)
  else if (details !== null && details !== undefined) lines.push(indentJson(jsonLine(details)))
  return [...lines, ...explanationLines(explanation).map((line) => `  ${line}`)]
}

/** The part of an explanation that is shown. It comes from another node, so nothing in it is certain. */
interface Explanation {
  readonly summary?: string
  readonly candidates?: readonly { function_id?: string; version?: string; node_id?: string; reasons?: readonly string[] }[]
}

/** One line for each function that was considered and did not qualify, or else what the node says instead. */
export function explanationLines(explanation: unknown): string[] {
  if (typeof explanation !== 'object' || explanation === null) return []
  const { candidates = [], summary } = explanation as Explanation
  if (candidates.length === 0) return summary === undefined ? [] : [summary]
  return candidates.map((c) => `${c.function_id} ${c.version} on ${c.node_id}: ${c.reasons?.join('; ') ?? ''}`)
}
