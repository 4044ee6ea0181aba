/**
 * sim: whole fabrics in one process, in virtual time, with every decision fixed by a seed.
 *
 * Start at sim-fabric.ts, what one can do to a fabric; sim-host.ts and sim-network.ts are the machines and the wires below it. On top,
 * scenario.ts runs scripts with expected output, and explorer.ts makes up faults and watches for what must never happen.
 */

export { CommandError } from './commands.ts'
export type { Conditions, Latency } from './conditions.ts'
export { explore, minimiseRun, type RunOptions, type RunResult } from './explorer.ts'
export type { NodeView } from './node-view.ts'
export { parsePlan, printPlan } from './plan.ts'
export { type BlockOutcome, runScenario, type ScenarioResult } from './scenario.ts'
export {
  type CrashOptions,
  createFabric,
  type Fabric,
  type FabricDeps,
  type FabricOptions,
  type SimClient,
  type SimClientOptions,
} from './sim-fabric.ts'
export type { LogRecord } from './sim-host.ts'
export type { SimNetworkOptions, Traffic } from './sim-network.ts'
export { type Fault, SimulationFaultError } from './world.ts'
