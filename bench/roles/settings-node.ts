/** A node with the settings a benchmark gives it, and functions that return what they are given. */
import { createNode, type SettingsInput } from '../../src/node/index.ts'
import { roleInput, serveRole } from '../role.ts'

export interface SettingsNodeInput {
  readonly settings: SettingsInput
  readonly functions: readonly string[]
}

const { functions, settings } = roleInput<SettingsNodeInput>()
const node = await createNode({ host: '127.0.0.1', monitoringEnabled: false, logLevel: 'ERROR', ...settings })
for (const name of functions) node.register(name, (value: unknown) => value)
await node.start()

const operations = {
  url: () => node.url,
  /** Processor time of the thread that serves, so far. */
  cpuMs() {
    const { system, user } = process.threadCpuUsage()
    return (system + user) / 1000
  },
  spansExported: () => node.snapshot().tracing?.spans_exported ?? 0,
  spansLost: () => node.snapshot().tracing?.spans_lost ?? 0,
}
export type SettingsNode = typeof operations
serveRole(operations)
