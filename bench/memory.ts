/** Asking a process how much memory it holds. */
import { setTimeout as sleep } from 'node:timers/promises'

export const memoryOperations = {
  /** Resident set size in bytes; with `collect` after garbage collection (needs `--expose-gc`), once freed pages have gone back. */
  async residentBytes({ collect }: { readonly collect: boolean }): Promise<number> {
    if (collect) await settle()
    return process.memoryUsage.rss()
  },
  /** What is left after garbage collection (needs `--expose-gc`): the heap, and buffers outside of it. */
  async reachableBytes(): Promise<number> {
    await settle()
    const { external, heapUsed } = process.memoryUsage()
    return heapUsed + external
  },
}

/** Collects what the last turns of the event loop have let go of. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await sleep(50)
  }
}
