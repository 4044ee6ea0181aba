/**
 * Tells when simulated code reaches for the real world: files, sockets, real timers, the thread pool of crypto and zlib.
 *
 * Such work ends when the operating system says so, not when the virtual clock does, and a run with it can not be repeated. Async hooks see
 * every such request as it is made; the async context says in which host's step. Promises are not tracked, so watching costs nothing.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'

/** The host whose step is running, wherever its promise continuations lead. */
export interface StepOwner {
  realIo(resource: string): void
}

const running = new AsyncLocalStorage<StepOwner>()

/** Runs one step of a host; what it starts, and what continues from it, counts as the host's. */
export function runStep(owner: StepOwner, step: () => void): void {
  running.run(owner, step)
}

/** What of async_hooks' resource types belongs to the simulation itself, or is only bookkeeping. */
const HARMLESS = new Set(['PROMISE', 'Immediate', 'TickObject', 'Microtask', 'AsyncLocalStorage', 'bound-anonymous-fn', 'RANDOMBYTESJOB'])

let watchers = 0
const hook = createHook({
  // Node.js 24.11 and later; the type definitions lag behind.
  ...({ trackPromises: false } as object),
  init(_id, type) {
    const owner = running.getStore()
    if (owner !== undefined && !HARMLESS.has(type)) owner.realIo(type)
  },
})

/** Watches until the function returned is called. */
export function watchRealIo(): () => void {
  if (watchers++ === 0) hook.enable()
  let watching = true
  return () => {
    if (!watching) return
    watching = false
    if (--watchers === 0) hook.disable()
  }
}
