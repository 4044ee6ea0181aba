/** Runs inside a worker thread: imports the module of a registered function and calls one of its exports. */

export interface WorkerTask {
  /** `file:` URL. */
  readonly module: string
  readonly exported: string
  readonly args: readonly unknown[]
}

export default async function run(task: WorkerTask): Promise<unknown> {
  const exports = (await import(task.module)) as Record<string, unknown>
  const target = exports[task.exported]
  if (typeof target !== 'function') throw new TypeError(`${task.module} exports no function '${task.exported}'`)
  return (target as (...args: readonly unknown[]) => unknown)(...task.args)
}
