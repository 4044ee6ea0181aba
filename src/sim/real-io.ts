/**
 * Tells when simulated code reaches for the real world: files, sockets, real timers, the thread pool of crypto and zlib.
 *
 * Such work ends when the operating system says so, not when the virtual clock does, and a run with it can not be repeated. Async hooks see
 * every such request as it is made; the async context says in which host's step. Of promises it is enough to know whether there was any: a
 * step without one has no continuations, and the next can follow at once.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { promiseHooks } from 'node:v8'

/** The host whose step is running, wherever its promise continuations lead. */
export interface StepOwner {
  realIo(resource: string): void
}

const running = new AsyncLocalStorage<StepOwner>()

/** Runs one step of a host; what it starts, and what continues from it, counts as the host's. */
export function runStep(owner: StepOwner, step: () => void): void {
  running.run(owner, step)
}

/** What of async_hooks' resource types belongs to the simulation itself, is only bookkeeping, or is done before the call returns. */
const HARMLESS = new Set([
  'PROMISE',
  'Immediate',
  'TickObject',
  'Microtask',
  'AsyncLocalStorage',
  'bound-anonymous-fn',
  'RANDOMBYTESJOB',
  'SIGNREQUEST',
])

let watchers = 0
let stopPromiseHooks: ReturnType<typeof promiseHooks.createHook> | undefined
/** Something was begun or settled whose continuation may still have to run. */
let stirred = true
const stir = () => {
  stirred = true
}
const hook = createHook({
  // Node.js 24.11 and later; the type definitions lag behind.
  ...({ trackPromises: false } as object),
  init(_id, type) {
    stirred = true
    const owner = running.getStore()
    if (owner !== undefined && !HARMLESS.has(type)) owner.realIo(type)
  },
})

/** Watches until the function returned is called. */
export function watchRealIo(): () => void {
  if (watchers++ === 0) {
    hook.enable()
    stopPromiseHooks = promiseHooks.createHook({ init: stir, settled: stir })
  }
  let watching = true
  return () => {
    if (!watching) return
    watching = false
    if (--watchers > 0) return
    hook.disable()
    stopPromiseHooks?.()
  }
}

/** Runs a step; false when it may have left continuations behind. Only while somebody watches can it be sure. */
export function ranDry(step: () => void): boolean {
  stirred = watchers === 0
  step()
  return !stirred
}
