/**
 * Preloaded (`--import`) into what run.mjs starts: ends this process when run.mjs has gone without a word, as after a SIGKILL.
 */
import { isMainThread } from 'node:worker_threads'

/** How often a vanished parent is looked for. */
const PARENT_POLL_MS = 500
/** What a program gets to end in good order. */
const ORPHAN_GRACE_MS = 10_000

// Worker threads inherit the preload, yet they end with their process anyway.
if (isMainThread) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_GRACE_MS).unref()
  }, PARENT_POLL_MS)
  timer.unref()
}
