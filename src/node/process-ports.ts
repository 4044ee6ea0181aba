/**
 * One allocator for all nodes of a process, made when the first needs a port: it watches over the process's lock files. Each node logs what it
 * takes and gives back.
 */
import type { LogScope } from '../base/index.ts'
import { createPortAllocator, type PortAllocator, type PortCategory } from '../transport/index.ts'

let ports: PortAllocator | undefined

/** @throws PortAllocationError */
export async function claimPort(log: LogScope, category: PortCategory): Promise<number> {
  ports ??= createPortAllocator()
  const port = await ports.allocate(category)
  log.scope('port_allocator').debug(`port claimed port=${port} category=${category}`)
  return port
}

export function releasePort(log: LogScope, port: number): void {
  ports?.release(port)
  log.scope('port_allocator').debug(`port released port=${port}`)
}
