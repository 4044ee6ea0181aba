/**
 * Hosts of their own on one machine: network namespaces, joined by a switch that can be pulled out. Needs root and the `ip` command, as
 * continuous integration has them.
 */
import { spawnSync } from 'node:child_process'

export interface Islands {
  /** Names of the namespaces, for `ip netns exec`. */
  readonly names: readonly string[]
  /** IPv4 address of an island's host. */
  address(island: number): string
  /** Packets between the islands vanish from now on. */
  cut(): void
  heal(): void
  remove(): void
}

/** Why there can be no namespaces here; undefined when there can. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a feature of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const probe = `mpreg-probe-${process.pid}`
  const { error, status, stderr } = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  if (error !== undefined || status !== 0) return `network namespaces can not be made: ${error?.message ?? stderr.trim()}`
  spawnSync('ip', ['netns', 'del', probe])
  return undefined
}

/** One namespace for each island and one for the switch between them. */
export function createIslands(count: number): Islands {
  // Interface names have at most 15 characters.
  const tag = process.pid.toString(36)
  const hub = `mpreg-${tag}-hub`
  const names = Array.from({ length: count }, (_, i) => `mpreg-${tag}-${i}`)
  const address = (island: number) => `10.211.7.${island + 1}`
  const made: string[] = []

  function remove(): void {
    for (const name of made.splice(0)) ip('netns', 'del', name)
  }

  try {
    for (const name of [hub, ...names]) {
      ip('netns', 'add', name)
      made.push(name)
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    ip('-n', hub, 'link', 'add', 'switch', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'switch', 'up')
    for (const [i, name] of names.entries()) {
      ip('-n', hub, 'link', 'add', `port${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
      ip('-n', hub, 'link', 'set', `port${i}`, 'master', 'switch', 'up')
      ip('-n', name, 'address', 'add', `${address(i)}/24`, 'dev', 'eth0')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
    }
  } catch (error) {
    remove()
    throw error
  }
  return {
    names,
    address,
    // The cables stay in: as when a switch between two others fails, nobody sees his own line go down.
    cut: () => ip('-n', hub, 'link', 'set', 'switch', 'down'),
    heal: () => ip('-n', hub, 'link', 'set', 'switch', 'up'),
    remove,
  }
}

function ip(...args: string[]): void {
  const { error, status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (error !== undefined || status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
