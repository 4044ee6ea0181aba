/** The client as pages get it: bundled, and run in a real Chromium against a node of this process. */
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Browser, chromium, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import type * as Mpreg from '../../src/client/index.ts'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'

/** What the page calls its window. */
declare global {
  var mpreg: typeof Mpreg
}

const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (candidate) => candidate !== undefined && existsSync(candidate),
)
// On a developer's machine a missing browser is no reason to fail; where every change is checked it is.
const skip = executablePath === undefined && !process.env.CI
if (skip) console.warn('NO BROWSER TESTS: Chromium was not found. Install it, or set CHROMIUM to its path.')

/** Promised by docs/client.md, with some room. A page that imports `connect` alone gets no more than it needs. */
const LIMITS = {
  connect: { names: '{ connect }', bytesMax: 36_000, gzipBytesMax: 13_500 },
  everything: { names: '*', bytesMax: 52_000, gzipBytesMax: 19_000 },
}

async function bundle(names = '*') {
  const source = `export ${names} from '${path.join(root, 'src/client/index.ts')}'`
  const entry = {
    name: 'entry',
    resolveId: (id: string) => (id === 'entry' ? id : null),
    load: (id: string) => (id === 'entry' ? source : null),
  }
  const build = await rolldown({ input: 'entry', platform: 'browser', plugins: [entry] })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  expect(output).toHaveLength(1)
  return output[0]
}

describe('the bundle for pages', () => {
  it.each(Object.entries(LIMITS))('needs nothing of Node.js, carries no validators, and is small: %s', async (what, limits) => {
    const { code, imports, dynamicImports, moduleIds } = await bundle(limits.names)
    expect([...imports, ...dynamicImports]).toEqual([])
    expect(code.match(/node:\w+|require\(/g)).toBeNull()
    const files = moduleIds.filter((id) => id !== 'entry').map((id) => path.relative(root, id))
    expect(files).toContain(path.join('src', 'client', 'client.ts'))
    expect(files.filter((file) => !file.startsWith(`src${path.sep}`))).toEqual([])
    const sizes = { bytes: code.length, gzip: gzipSync(code).length }
    console.info(`browser client (${what}): ${sizes.bytes} bytes minified, ${sizes.gzip} compressed`)
    expect(sizes.bytes).toBeLessThan(limits.bytesMax)
    expect(sizes.gzip).toBeLessThan(limits.gzipBytesMax)
  })
})

describe.skipIf(skip)('in a page', () => {
  let browser: Browser
  let site: Server
  let page: Page
  let node: Node

  async function startNode(settings: SettingsInput = {}): Promise<Node> {
    const started = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL', ...settings })
    started.register('add', (a: number, b: number) => a + b, { params: { a: 'float', b: 'float' } })
    await started.start()
    return started
  }

  beforeAll(async () => {
    if (executablePath === undefined) throw new Error('Chromium was not found; set CHROMIUM to its path')
    const { code } = await bundle()
    site = createServer((request, response) => {
      const script = request.url === '/client.js'
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
      response.end(script ? code : '<script type="module">import * as mpreg from "/client.js"; window.mpreg = mpreg</script>')
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
    browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', ...quiet] })
    page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    await page.waitForFunction(() => globalThis.mpreg !== undefined)
    node = await startNode()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await node?.stop()
    site?.close()
  })

  it('calls, runs graphs, and gets typed errors', async () => {
    const outcome = await page.evaluate(async (url) => {
      const { CommandNotFoundError, connect } = globalThis.mpreg
      const client = await connect(url)
      const sum = await client.call('add', 1, 2)
      const graph = await client.request([
        { name: 'three', fun: 'add', args: [1, 2] },
        { name: 'ten', fun: 'add', args: ['three', 7] },
      ])
      const error = await client.call('ad').catch((e: unknown) => e)
      const similar = error instanceof CommandNotFoundError && error.explanation
      const late = await client.callWith({ signal: AbortSignal.abort(new Error('no')) }, 'add', 1, 2).catch((e: Error) => e.message)
      await client.close()
      return { sum, graph, similar, late, state: client.state }
    }, node.url)
    expect(outcome).toMatchObject({ sum: 3, graph: { ten: 10 }, similar: { similar: ['add'] }, late: 'no', state: 'closed' })
  })

  it('subscribes and publishes', async () => {
    const payloads = await page.evaluate(async (url) => {
      const client = await globalThis.mpreg.connect(url)
      await client.publish('page.events', 'before')
      const received: unknown[] = []
      const all = new Promise<void>((resolve) => {
        const receive = (message: Mpreg.Message) => {
          if (received.push(message.payload) === 2) resolve()
        }
        client.subscribe('page.*', receive, { backlogSeconds: 60 }).then(() => client.publish('page.events', { n: 1 }))
      })
      await all
      await client.close()
      return received
    }, node.url)
    expect(payloads).toEqual(['before', { n: 1 }])
  })

  it('comes back with its subscriptions when the node is restarted', async () => {
    await page.evaluate(async (url) => {
      const states: string[] = []
      const received: unknown[] = []
      const client = await globalThis.mpreg.connect({ url, onState: (state) => states.push(state) })
      await client.subscribe('again', (message) => received.push(message.payload))
      Object.assign(globalThis, { returning: { client, states, received } })
    }, node.url)
    const { port } = new URL(node.url)
    await node.stop()
    await page.waitForFunction(() => (globalThis as unknown as Returning).returning.client.state === 'disconnected')
    // Asked while nobody is there: it waits.
    await page.evaluate(() => {
      const { returning } = globalThis as unknown as Returning
      returning.sum = returning.client.call('add', 20, 22)
    })
    node = await startNode({ port: Number(port) })
    const outcome = await page.evaluate(async () => {
      const { client, states, received, sum } = (globalThis as unknown as Returning).returning
      const answer = await sum
      await client.publish('again', 'hello')
      while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      const { reconnects } = client.stats()
      await client.close()
      return { answer, states, received, reconnects }
    })
    expect(outcome).toEqual({
      answer: 42,
      states: ['connected', 'disconnected', 'connected', 'closed'],
      received: ['hello'],
      reconnects: 1,
    })
  })

  it('shows its token, and is refused without', async () => {
    const guarded = await startNode({ authTokens: { page: 'a token with spaces & more' } })
    try {
      const outcome = await page.evaluate(async (url) => {
        const { connect } = globalThis.mpreg
        const client = await connect({ url, authToken: 'a token with spaces & more' })
        const sum = await client.call('add', 1, 1)
        await client.close()
        const refused = await connect(url).catch((error: Error) => error.message)
        return { sum, refused }
      }, guarded.url)
      expect(outcome).toEqual({ sum: 2, refused: expect.stringContaining('WebSocket connection failed') })
    } finally {
      await guarded.stop()
    }
  })

  it('says what a page can not do', async () => {
    const messages = await page.evaluate(async () => {
      const message = (error: Error) => error.message
      const { connect } = globalThis.mpreg
      return [await connect('tcp://127.0.0.1:1').catch(message), await connect({ url: 'ws://127.0.0.1:1', apiKey: 'k' }).catch(message)]
    })
    expect(messages).toEqual(['A browser can not dial tcp: tcp://127.0.0.1:1', 'A browser can not send an API key: use a token'])
  })
})

interface Returning {
  readonly returning: { client: Mpreg.Client; states: string[]; received: unknown[]; sum?: Promise<unknown> }
}
