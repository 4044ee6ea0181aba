/** The processes behind `npm start`: one node each, started one after another, stopped in good order or not. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TOUR_ROLES, type TourNode } from './tour-clusters.ts'
import type { TourNodeReady } from './tour-node.ts'

/** What a node gets to leave in good order before its process is ended. */
const STOP_GRACE_MS = 5_000

export interface TourFabric {
  /** Starts a node that joins the others. */
  start(name: TourNode): Promise<TourNodeReady>
  /** Ends the node's process at once, as a crash would. */
  kill(name: TourNode): Promise<void>
  /** Lets the node say goodbye. */
  leave(name: TourNode): Promise<void>
  urlOf(name: TourNode): string
  stop(): Promise<void>
}

interface Running {
  readonly child: ChildProcess
  readonly url: string
  readonly exited: Promise<void>
}

export function createTourFabric(): TourFabric {
  const running = new Map<TourNode, Running>()
  const entry = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './tour-node.ts' : './tour-node.js', import.meta.url))

  async function end(name: TourNode, signal: NodeJS.Signals): Promise<void> {
    const node = running.get(name)
    if (node === undefined) return
    running.delete(name)
    node.child.kill(signal)
    const impatience = setTimeout(() => node.child.kill('SIGKILL'), STOP_GRACE_MS)
    await node.exited
    clearTimeout(impatience)
  }

  return {
    async start(name) {
      const seed = TOUR_ROLES[name].seeds.map((other) => running.get(other)?.url).find((url) => url !== undefined)
      const child = fork(entry, seed === undefined ? [name] : [name, seed])
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      const ready = await new Promise<TourNodeReady>((resolve, reject) => {
        child.once('message', (message) => resolve(message as TourNodeReady))
        child.once('exit', (code) => reject(new Error(`node ${name} ended with code ${code} before it was ready`)))
      })
      running.set(name, { child, url: ready.url, exited })
      return ready
    },
    kill: (name) => end(name, 'SIGKILL'),
    leave: (name) => end(name, 'SIGTERM'),
    urlOf(name) {
      const node = running.get(name)
      if (node === undefined) throw new Error(`node ${name} is not running`)
      return node.url
    },
    async stop() {
      await Promise.all([...running.keys()].reverse().map((name) => end(name, 'SIGTERM')))
    },
  }
}
