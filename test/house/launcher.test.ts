import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import { type PlantedTree, plantTree } from './planted-tree.ts'

/** Says its process id, and then `bye` when it is asked to end. */
const patient = `
process.on('SIGTERM', () => { console.log('bye'); process.exit(7) })
console.log(process.pid)
setInterval(() => {}, 1000)
`
const launcher = path.join(root, 'scripts/run.mjs')

describe.skipIf(process.platform === 'win32')('the launcher', () => {
  let tree: PlantedTree
  let started: ChildProcessByStdio<null, Readable, null> | undefined
  beforeEach(() => {
    tree = plantTree({
      'patient.ts': patient,
      'fails.ts': 'process.exitCode = 5\n',
      'shows.ts': "console.log(process.versions.node, process.argv.slice(2).join('+'))\n",
      'falls.ts': "process.kill(process.pid, 'SIGKILL')\nsetInterval(() => {}, 1000)\n",
    })
  })
  afterEach(() => {
    started?.kill('SIGKILL')
    tree.remove()
  })

  const start = (command: string, ...args: string[]) => {
    started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]()
    return { process: started, ended: once(started, 'exit'), nextLine: async () => (await lines.next()).value as string | undefined }
  }
  const launch = (file: string, ...args: string[]) => start(process.execPath, launcher, path.join(tree.folder, file), ...args)

  it('runs the file on the pinned Node.js with its arguments', async () => {
    const { nextLine, ended } = launch('shows.ts', 'a', 'b')
    expect(await nextLine()).toMatch(/^24\.\d+\.\d+ a\+b$/)
    expect(await ended).toEqual([0, null])
  })

  it('ends with the exit code of the file', async () => {
    expect(await launch('fails.ts').ended).toEqual([5, null])
  })

  it('ends by the signal that ended the file', async () => {
    expect(await launch('falls.ts').ended).toEqual([null, 'SIGKILL'])
  })

  it('passes SIGTERM on and waits for the end in good order', async () => {
    const { process: wrapper, nextLine, ended } = launch('patient.ts')
    await nextLine()
    wrapper.kill('SIGTERM')
    expect(await nextLine()).toBe('bye')
    expect(await ended).toEqual([7, null])
  })

  it('takes the file along when it is killed itself', async () => {
    const { process: wrapper, nextLine } = launch('patient.ts')
    await nextLine()
    wrapper.kill('SIGKILL')
    expect(await nextLine()).toBe('bye')
  })

  it('ends when the shell that started it has gone, as after a SIGTERM to npm', async () => {
    const command = `'${process.execPath}' '${launcher}' '${path.join(tree.folder, 'patient.ts')}'; true`
    const { process: shell, nextLine } = start('sh', '-c', command)
    await nextLine()
    shell.kill('SIGKILL')
    expect(await nextLine()).toBe('bye')
  })
})
