/** `mpreg top`: all nodes of a fabric at a glance, live. */
import { type Command, Option } from 'commander'
import { type WalkFlags, walkOptions, walkOptionsOf } from './doctor.ts'
import { QUESTIONS_MAX, walkFabric } from './fabric-walk.ts'
import type { MonitorClient } from './monitor-client.ts'
import { monitoringUrls } from './monitoring-options.ts'
import { positiveSeconds } from './option-values.ts'
import { CommandFailure, UsageError } from './outcome.ts'
import { sideBySide } from './side-by-side.ts'
import { colors, printable } from './table.ts'
import { type Paint, type TopView, topFrame } from './top-frame.ts'
import { openScreen, type Screen } from './top-screen.ts'
import { pause } from './watch.ts'

interface TopFlags extends WalkFlags {
  readonly once?: boolean
  readonly interval: number
}

export function declareTop(command: Command): void {
  walkOptions(command)
    .option('--once', 'print one picture and end')
    .addOption(new Option('-i, --interval <seconds>', 'time between pictures').argParser(positiveSeconds).default(2))
    .action(async (flags: TopFlags) => {
      const urls = monitoringUrls(flags)
      if (flags.once === true) {
        const view = await look(urls, flags)
        // What is read by a program or kept in a file needs no room.
        const width = process.stdout.columns || Number(process.env.COLUMNS) || Number.POSITIVE_INFINITY
        process.stdout.write(`${topFrame(view, { width, height: Number.POSITIVE_INFINITY }).join('\n')}\n`)
        if (view.nodes.length === 0) throw new CommandFailure(`Error: No node answers at ${urls.join(', ')}.`)
        return
      }
      if (!process.stdout.isTTY) throw new UsageError('A live picture needs a terminal; --once prints one picture.')
      await live(urls, flags)
    })
}

async function live(urls: readonly string[], flags: TopFlags): Promise<void> {
  const screen = openScreen()
  let view: TopView | undefined
  const draw = () => view && screen.draw(topFrame(view, screen.size(), paint))
  screen.onResize(draw)
  try {
    do {
      view = await lookUnlessClosed(urls, flags, screen)
      draw()
    } while (await pause(flags.interval * 1000, screen.closed))
  } finally {
    screen.restore()
  }
}

/** Undefined when the user left in the meantime. */
async function lookUnlessClosed(urls: readonly string[], flags: TopFlags, screen: Screen): Promise<TopView | undefined> {
  try {
    return await look(urls, flags, screen.closed)
  } catch (error) {
    if (screen.closed.aborted) return undefined
    throw error
  }
}

async function look(urls: readonly string[], flags: TopFlags, signal?: AbortSignal): Promise<TopView> {
  const walk = await walkFabric(urls, { ...walkOptionsOf(flags), signal })
  const nodes = await sideBySide(walk.nodes, QUESTIONS_MAX / 2, async ({ client, facts }) => {
    const [unified, health] = await Promise.all([
      bodyOrNull(client, '/metrics/unified', signal),
      bodyOrNull(client, '/health/summary', signal),
    ])
    return { facts, unified, health }
  })
  const unreachable = walk.unreachable.map(({ monitoring_url, node_id }) => printable(node_id ?? monitoring_url))
  return { takenAt: Date.now() / 1000, nodes, unreachable, unmonitored: walk.unmonitored.length }
}

/** A node that falls silent while it is looked at has blanks in its row. */
async function bodyOrNull(client: MonitorClient, path: string, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    const { body, status } = await client.getJson(path, { signal })
    return status === 200 ? body : null
  } catch (error) {
    if (error instanceof CommandFailure) return null
    throw error
  }
}

const paint: Paint = (style, text) => {
  const styles = { title: colors.bold, good: colors.green, bad: colors.red, dim: colors.dim }
  return styles[style](text)
}
