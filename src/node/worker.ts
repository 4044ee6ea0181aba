/**
 * Runs inside a worker thread: imports the module of a registered function and calls one of its exports.
 *
 * What it throws comes back as data: the copy between threads keeps neither the class of an error nor what was added to it.
 */
import type { RpcErrorObject } from '../wire/index.ts'

export interface WorkerTask {
  /** `file:` URL. */
  readonly module: string
  readonly exported: string
  readonly args: readonly unknown[]
}

export type WorkerOutcome = { readonly ok: true; readonly value: unknown } | WorkerFailure

export interface WorkerFailure {
  readonly ok: false
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** The function's own answer, when it threw one. */
  readonly rpc?: RpcErrorObject
}

export default async function run(task: WorkerTask): Promise<WorkerOutcome> {
  try {
    const exports = (await import(task.module)) as Record<string, unknown>
    const target = exports[task.exported]
    if (typeof target !== 'function') throw new TypeError(`${task.module} exports no function '${task.exported}'`)
    const value: unknown = await (target as (...args: readonly unknown[]) => unknown)(...task.args)
    const uncloneable = cloneProblem(value)
    if (uncloneable !== undefined) {
      throw new TypeError(`the result of '${task.exported}' of ${task.module} can not be copied out of its thread: ${uncloneable}`)
    }
    return { ok: true, value }
  } catch (error) {
    return failureOf(error)
  }
}

function failureOf(error: unknown): WorkerFailure {
  const rpc = rpcObjectOf(error)
  const said = rpc && { rpc }
  if (!(error instanceof Error)) return { ok: false, name: 'Error', message: rpc?.message ?? String(error), stack: undefined, ...said }
  return {
    ok: false,
    name: String(error.name || error.constructor.name),
    message: String(error.message),
    stack: typeof error.stack === 'string' ? error.stack : undefined,
    ...said,
  }
}

/** By shape, not by class: the user's module may have loaded another copy of this package. */
function rpcObjectOf(error: unknown): RpcErrorObject | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { rpcCode, code, message, details, explanation } = error as Record<string, unknown>
  const number = error instanceof Error ? rpcCode : (rpcCode ?? code)
  if (!Number.isInteger(number) || typeof message !== 'string') return undefined
  const object = { code: number as number, message, details: copyable(details ?? null) }
  return explanation === undefined ? object : { ...object, explanation: copyable(explanation) }
}

function copyable(value: unknown): unknown {
  const problem = cloneProblem(value)
  return problem === undefined ? value : `left out, can not be copied out of its thread: ${problem}`
}

/** Why a value can not leave the thread. Sending it to find out would cost the thread: Piscina lets that error end it. */
function cloneProblem(value: unknown): string | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')) return undefined
  try {
    structuredClone(value)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
