/**
 * A fabric for tests: real nodes and clients in virtual time over a modelled network, in the process of the test.
 *
 * @example
 * using fabric = await createTestFabric({ nodes: 3, seed: 1 })
 * fabric.register(2, 'add', (a: number, b: number) => a + b)
 * await fabric.until(() => fabric.converged(), 10_000)
 * await fabric.call(0, 'add', 1, 2)     // 3, answered by node 2
 * fabric.partition([0], [1, 2])
 * await fabric.advance(30_000)          // thirty seconds pass at once
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { type Client, connectWith } from './client/index.ts'
import { createFabric, type Fabric, type FabricOptions } from './sim/index.ts'

export {
  type Conditions,
  type CrashOptions,
  type FabricOptions,
  type Fault,
  type Latency,
  type LogRecord,
  type NodeView,
  type SimNetworkOptions,
  SimulationFaultError,
  type Traffic,
} from './sim/index.ts'

export type TestFabric = Fabric<Client>

/** Builds a fabric and starts its nodes; node 0 is the one the others are told of. */
export function createTestFabric(options: FabricOptions): Promise<TestFabric> {
  return createFabric<Client>({ connect: connectWith }, options)
}
