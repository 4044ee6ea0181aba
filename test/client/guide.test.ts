/** The guide tells the truth: its samples compile, run, and print what it says they print. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'

interface Sample {
  readonly title: string
  readonly file: string
  readonly source: string
  readonly output: string
}

const GUIDE_URL = 'ws://127.0.0.1:7400'
const run = promisify(execFile)
const guide = readFileSync(path.join(root, 'docs', 'client.md'), 'utf8')

const samples: readonly Sample[] = [...guide.matchAll(/```ts\n(.*?)```\n(?:\n```output\n(.*?)```)?/gs)].map(
  ([, source = '', output = ''], index) => ({
    title: source.split('\n').find((line) => /client\.\w+\(/.test(line)) ?? 'the node',
    file: `sample-${index}.ts`,
    source,
    output,
  }),
)
const clientSamples = samples.slice(1)

/** Runs all samples in one process, the node's first, and prints what each of them logged. */
const runner = `
import { readFileSync, writeFileSync } from 'node:fs'
import { format } from 'node:util'
const [, , ...files] = process.argv
const outputs = {}
const print = console.log
let url = ''
for (const file of files) {
  outputs[file] = ''
  console.log = (...values) => { outputs[file] += format(...values) + '\\n' }
  writeFileSync('run-' + file, readFileSync(file, 'utf8').replaceAll('${GUIDE_URL}', url).replace('port: 7400', 'port: 0'))
  try {
    await import('./run-' + file)
  } catch (error) {
    outputs[file] += error.stack
  }
  if (url === '') url = outputs[file].trim()
  else outputs[file] = outputs[file].replaceAll(url, '${GUIDE_URL}')
}
print(JSON.stringify(outputs))
process.exit()
`

describe('the client guide', () => {
  let folder: string
  let outputs: Readonly<Record<string, string>>

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mpreg-guide-'))
    const mpreg = path.join(folder, 'node_modules', 'mpreg')
    mkdirSync(mpreg, { recursive: true })
    symlinkSync(path.join(root, 'src'), path.join(mpreg, 'src'))
    const exports = { '.': './src/index.ts', './client': './src/client-node.ts' }
    writeFileSync(path.join(mpreg, 'package.json'), JSON.stringify({ name: 'mpreg', type: 'module', exports }))
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(path.join(folder, 'runner.js'), runner)
    for (const { file, source } of samples) writeFileSync(path.join(folder, file), source)
    const { stdout } = await run(process.execPath, ['runner.js', ...samples.map(({ file }) => file)], { cwd: folder })
    outputs = JSON.parse(stdout)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('compiles', async () => {
    const config = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions: { typeRoots: [path.join(root, 'node_modules', '@types')] },
      include: ['sample-*.ts'],
    }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = await run(process.execPath, [tsc, '--project', folder]).catch((error: { stdout: string }) => error)
    const ofSamples = stdout.split('\n').filter((line) => line.includes('sample-'))
    expect(ofSamples).toEqual([])
  })

  it.for(clientSamples)('prints what it says: $title', ({ file, output }) => {
    expect(output).not.toBe('')
    expect(outputs[file]).toBe(output)
  })
})
