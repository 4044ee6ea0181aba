/**
 * The fabric an operator looks after: five processes in three clusters, alpha (front, shop), beta (till, depot) and gamma (lab). Alpha and
 * gamma are linked through beta only. Routes are signed, and every node serves its monitoring.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEd25519 } from '../../src/node/ed25519.ts'
import { createPortAllocator } from '../../src/transport/index.ts'
import type { Offer, OperatorNodeReady } from './operator-node.ts'

export const OPERATOR_NODES = ['front', 'shop', 'till', 'depot', 'lab'] as const
export type OperatorNode = (typeof OPERATOR_NODES)[number]

type Cluster = 'alpha' | 'beta' | 'gamma'

interface Role {
  readonly cluster: Cluster
  readonly seed: OperatorNode | undefined
}

const ROLES: Readonly<Record<OperatorNode, Role>> = {
  front: { cluster: 'alpha', seed: undefined },
  shop: { cluster: 'alpha', seed: 'front' },
  till: { cluster: 'beta', seed: 'front' },
  depot: { cluster: 'beta', seed: 'till' },
  lab: { cluster: 'gamma', seed: 'till' },
}

const BRIDGES: Readonly<Record<Cluster, readonly Cluster[]>> = { alpha: ['beta'], beta: ['alpha', 'gamma'], gamma: ['beta'] }
const CLUSTERS = Object.keys(BRIDGES) as Cluster[]

/** Private keys that sign the routes of each cluster. */
const ROUTE_KEYS: Readonly<Record<Cluster, string>> = { alpha: '11'.repeat(32), beta: '22'.repeat(32), gamma: '33'.repeat(32) }

/** Short, so that what a quiet fabric does in a minute takes seconds. */
const GOSSIP_INTERVAL_SECONDS = 0.5
const OFFER: Offer = { version: '1.0.0', resources: [] }

/** How a node is started other than usual. */
export interface Start {
  /** On top of its usual settings, under the names of the settings file. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly offer?: Partial<Offer>
  /** How wrong its clock is. */
  readonly clockSeconds?: number
}

export interface RunningNode extends OperatorNodeReady {
  readonly process: ChildProcess
}

/** How some nodes are started from the beginning, and whenever nothing else is said. */
export type Usual = Partial<Record<OperatorNode, Start>>

export interface OperatorFabric {
  node(name: OperatorNode): RunningNode
  start(name: OperatorNode, how?: Start): Promise<RunningNode>
  /** With a goodbye, or killed. */
  end(name: OperatorNode, signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  restart(name: OperatorNode, how?: Start): Promise<RunningNode>
  /** Rewrites its settings file, and has it take up what concerns routing. */
  reload(name: OperatorNode, settings: Readonly<Record<string, unknown>>): void
  close(): Promise<void>
}

/** @param usually told where each node will listen */
export async function createOperatorFabric(usually?: (portOf: (name: OperatorNode) => number) => Promise<Usual>): Promise<OperatorFabric> {
  const directory = mkdtempSync(join(tmpdir(), 'mpreg-operator-'))
  const allocator = createPortAllocator()
  const running = new Map<OperatorNode, RunningNode>()
  // Held as long as the fabric is, so that a node finds its address free when it comes back.
  const ports = new Map(await Promise.all(OPERATOR_NODES.map(async (name) => [name, await allocator.allocateMany(2, 'testing')] as const)))
  const usual: Usual = (await usually?.((name) => ports.get(name)?.[0] as number)) ?? {}

  function writeSettings(name: OperatorNode, settings: Readonly<Record<string, unknown>> = {}): string {
    const { cluster, seed } = ROLES[name]
    const file = join(directory, `${name}.json`)
    const [port, monitoringPort] = ports.get(name) ?? []
    const document = {
      name,
      cluster_id: cluster,
      port,
      monitoring_port: monitoringPort,
      log_level: 'ERROR',
      gossip_interval: GOSSIP_INTERVAL_SECONDS,
      peers: seed === undefined ? [] : [`ws://127.0.0.1:${ports.get(seed)?.[0]}`],
      federation_config: federationOf(cluster),
      fabric_route_signer: { private_key: ROUTE_KEYS[cluster] },
      fabric_route_security_config: { require_signatures: true, allow_unsigned: false, allow_embedded_keys: false },
      fabric_route_key_registry: routeKeys(),
      ...settings,
    }
    writeFileSync(file, JSON.stringify(document))
    return file
  }

  async function start(name: OperatorNode, { clockSeconds = 0, offer, settings }: Start = usual[name] ?? {}): Promise<RunningNode> {
    const file = writeSettings(name, settings)
    const preload = clockSeconds === 0 ? [] : ['--import', new URL('./shifted-clock.ts', import.meta.url).href]
    const entry = fileURLToPath(new URL('./operator-node.ts', import.meta.url))
    const child = spawn(process.execPath, [...preload, entry, file, JSON.stringify({ ...OFFER, ...offer })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, SHIFTED_CLOCK_SECONDS: String(clockSeconds) },
    })
    const ready = await new Promise<OperatorNodeReady>((resolve, reject) => {
      child.once('message', (message) => resolve(message as OperatorNodeReady))
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`node ${name} ended with ${code}`)))
    })
    const node = { ...ready, process: child }
    running.set(name, node)
    return node
  }

  async function end(name: OperatorNode, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { process: child } = known(name)
    running.delete(name)
    // A node that failed by itself has nothing left to end.
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    // One that was stopped takes no other signal.
    child.kill('SIGCONT')
    child.kill(signal)
    const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(impatience)
  }

  function known(name: OperatorNode): RunningNode {
    const node = running.get(name)
    if (node === undefined) throw new Error(`node ${name} does not run`)
    return node
  }

  async function close(): Promise<void> {
    await Promise.all([...running.keys()].map((name) => end(name, 'SIGKILL')))
    rmSync(directory, { recursive: true, force: true })
    allocator.close()
  }

  try {
    await start('front')
    await Promise.all(OPERATOR_NODES.filter((name) => name !== 'front').map((name) => start(name)))
  } catch (error) {
    await close()
    throw error
  }

  return {
    node: known,
    start,
    end,
    async restart(name, how) {
      await end(name)
      return start(name, how)
    },
    reload(name, settings) {
      writeSettings(name, settings)
      known(name).process.kill('SIGHUP')
    },
    close,
  }
}

/** Of each cluster, with what is set differently. */
export function federationOf(cluster: Cluster, different: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    federation_mode: 'explicit_bridging',
    explicit_bridges: BRIDGES[cluster].map((remote) => ({ remote_cluster_id: remote })),
    // Traffic of all of them is carried and answered, whichever way it comes.
    allowed_foreign_cluster_ids: CLUSTERS.filter((other) => other !== cluster),
    ...different,
  }
}

/** The public keys of all clusters. @param ends Unix seconds at which the key of a cluster ends; none: never */
export function routeKeys(ends: Partial<Record<Cluster, number>> = {}): Readonly<Record<string, unknown>> {
  const crypto = createEd25519()
  const clusters = CLUSTERS.map((cluster) => {
    const key = {
      key_id: `${cluster}-1`,
      public_key: crypto.ed25519PublicKey(ROUTE_KEYS[cluster]),
      added_at: 0,
      expires_at: ends[cluster] ?? null,
    }
    return [cluster, { keys: [key] }]
  })
  return { clusters: Object.fromEntries(clusters) }
}
