/**
 * The commands and groups of commands directly under `mpreg`. Each is declared by a file of its own, which is loaded when the command line
 * names it: one command does not pay for the others.
 */
import type { Command } from 'commander'

export interface TopCommand {
  readonly name: string
  readonly summary: string
  /** Adds options and sub-commands to `command`. */
  declare(command: Command, context: DeclareContext): Promise<void>
}

export interface DeclareContext {
  readonly program: Command
  readonly version: string
  /** The program with all commands declared. */
  readonly whole: () => Promise<Command>
}

const registry = () => import('./registry-commands.ts')
const federation = () => import('./federation-config.ts')

export const topCommands: readonly TopCommand[] = [
  {
    name: 'server',
    summary: 'Run a node.',
    declare: async (command, { program }) => (await import('./server.ts')).declareServerCommands(command, program),
  },
  { name: 'client', summary: 'Talk to a node.', declare: async (command) => (await import('./client.ts')).declareClientCommands(command) },
  {
    name: 'queue',
    summary: 'Send to queues, receive from them, and look after their dead letters.',
    declare: async (command) => (await import('./queue.ts')).declareQueueCommands(command),
  },
  {
    name: 'monitor',
    summary: 'Fabric federation monitoring commands.',
    declare: async (command) => (await import('./monitor.ts')).declareMonitorCommands(command),
  },
  {
    name: 'top',
    summary: 'All nodes of a fabric at a glance, live.',
    declare: async (command) => (await import('./top.ts')).declareTop(command),
  },
  {
    name: 'doctor',
    summary: 'Find what is wrong with a fabric, and say what to do. Exit code 0: nothing is; 1: something is.',
    declare: async (command) => (await import('./doctor.ts')).declareDoctor(command),
  },
  {
    name: 'explain',
    summary: 'Why a node decides as it does.',
    declare: async (command) => (await import('./explain.ts')).declareExplainCommands(command),
  },
  {
    name: 'trace',
    summary: 'Follow a call through the fabric.',
    declare: async (command) => (await import('./trace.ts')).declareTraceCommands(command),
  },
  {
    name: 'discovery',
    summary: 'Discovery plane commands.',
    declare: async (command) => (await import('./discovery.ts')).declareDiscoveryCommands(command),
  },
  {
    name: 'report',
    summary: 'Reporting commands.',
    declare: async (command) => (await import('./report.ts')).declareReportCommands(command),
  },
  {
    name: 'debug',
    summary: 'Collect evidence.',
    declare: async (command, { version }) => (await import('./debug-bundle.ts')).declareDebugCommands(command, version),
  },
  {
    name: 'discover',
    summary: 'Discover available fabric clusters.',
    declare: async (command) => (await federation()).declareDiscover(command),
  },
  {
    name: 'auto-discovery',
    summary: 'Discover clusters through back ends such as DNS and Consul.',
    declare: async (command) => (await federation()).declareAutoDiscoveryCommands(command),
  },
  {
    name: 'register',
    summary: 'Remember a cluster, after looking whether it is there.',
    declare: async (command) => (await registry()).declareRegister(command),
  },
  { name: 'unregister', summary: 'Forget a cluster.', declare: async (command) => (await registry()).declareUnregister(command) },
  { name: 'topology', summary: 'The registered clusters.', declare: async (command) => (await registry()).declareTopology(command) },
  {
    name: 'health',
    summary: 'Look at each registered cluster: its server, and its monitoring service.',
    declare: async (command) => (await registry()).declareHealth(command),
  },
  {
    name: 'metrics',
    summary: 'What the monitoring service of each registered cluster measures.',
    declare: async (command) => (await registry()).declareMetrics(command),
  },
  { name: 'cleanup', summary: 'Forget all registered clusters.', declare: async (command) => (await registry()).declareCleanup(command) },
  {
    name: 'generate-config',
    summary: 'Write a federation configuration to start from.',
    declare: async (command) => (await federation()).declareGenerateConfig(command),
  },
  {
    name: 'validate-config',
    summary: 'Check a federation configuration.',
    declare: async (command) => (await federation()).declareValidateConfig(command),
  },
  {
    name: 'deploy',
    summary: 'Register all clusters of a federation configuration.',
    declare: async (command) => (await federation()).declareDeploy(command),
  },
  {
    name: 'config',
    summary: 'Configuration management commands.',
    declare: async (command) => (await federation()).declareConfigCommands(command),
  },
  {
    name: 'sim',
    summary: 'Run fabrics in virtual time.',
    declare: async (command) => (await import('./sim.ts')).declareSimCommands(command),
  },
  {
    name: 'completion',
    summary: 'Print a completion script. For bash: source <(mpreg completion bash)',
    declare: async (command, { whole }) => (await import('./completion.ts')).declareCompletion(command, whole),
  },
]
