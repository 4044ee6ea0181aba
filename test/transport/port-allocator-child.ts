/** One of two processes that want ports at the same time: node port-allocator-child.ts DIRECTORY COUNT. */

import { createPortAllocator } from '../../src/transport/index.ts'

const [lockBase = '', count = '0'] = process.argv.slice(2)
const allocator = createPortAllocator({ lockBase, environment: {} })
process.send?.(await allocator.allocateMany(Number(count), 'servers'))
process.once('disconnect', () => process.exit())
