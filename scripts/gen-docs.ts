/**
 * Writes the generated part of the documentation: docs/settings.md and docs/metrics.md as a whole, and the tables of
 * docs/logging.md.
 *
 *     node scripts/gen-docs.ts           write
 *     node scripts/gen-docs.ts --check   write nothing; exit 1 and name the files when they are stale
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderMetricsGuide } from '../src/monitor/index.ts'
import { renderSettingsGuide } from '../src/node/settings/guide.ts'
import { diagnosticChannels, type LogComponent, logComponents } from '../src/telemetry/index.ts'

const docs = join(import.meta.dirname, '..', 'docs')

const pages = [
  { file: join(docs, 'settings.md'), render: () => renderSettingsGuide() },
  { file: join(docs, 'metrics.md'), render: () => renderMetricsGuide() },
  { file: join(docs, 'logging.md'), render: (old: string) => fill(fill(old, 'components', componentTable()), 'channels', channelList()) },
]

const stale = pages
  .map(({ file, render }) => ({ file, old: read(file), render }))
  .map(({ file, old, render }) => ({ file, old, text: render(old) }))
  .filter(({ old, text }) => old !== text)

if (process.argv.includes('--check')) {
  for (const { file } of stale) console.error(`${file} is stale: run node scripts/gen-docs.ts`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const { file, text } of stale) {
    writeFileSync(file, text)
    console.log(`wrote ${file}`)
  }
}

function componentTable(): string {
  const rows = Object.entries<LogComponent>(logComponents).map(([scope, { absence, component, aliases }]) => {
    return `| \`${scope}\` | ${component}${absence === undefined ? '' : ` (none: ${absence})`} | ${aliases.map((alias) => `\`${alias}\``).join(', ')} |`
  })
  return ['| scope | component | also known as |', '| --- | --- | --- |', ...rows].join('\n')
}

function channelList(): string {
  return diagnosticChannels.map((channel) => `- \`${channel}\``).join('\n')
}

/** Replaces what stands between the markers of `name`. */
function fill(page: string, name: string, content: string): string {
  const start = `<!-- generated: ${name} -->\n`
  const from = page.indexOf(start)
  const to = page.indexOf('<!-- end generated -->', from)
  if (from < 0 || to < 0) throw new Error(`the page has no marker "${start.trim()}" with an end after it`)
  return `${page.slice(0, from + start.length)}\n${content}\n\n${page.slice(to)}`
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
