/** One allocator for all nodes of a process, made when the first needs a port: it watches over the process's lock files. */
import { createPortAllocator, type PortAllocator } from '../transport/index.ts'

let ports: PortAllocator | undefined

export function sharedPorts(): PortAllocator {
  ports ??= createPortAllocator()
  return ports
}
