/** The functions of the nodes that `npm start` runs, by the node that offers them: one for each thing a function can be. */
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Node } from '../node/index.ts'
import type { TourNode } from './tour-clusters.ts'

/** Net prices, in cents. */
const PRICES: Readonly<Record<string, number>> = { apple: 40, pear: 55, fig: 120 }
const STOCK: Readonly<Record<string, number>> = { apple: 300, pear: 12, fig: 48 }
const VAT_PERCENT = 8

const samples: Readonly<Record<TourNode, (node: Node) => void>> = {
  front(node) {
    registerRoute(node)
  },
  shop(node) {
    registerPrices(node)
    registerStock(node)
  },
  till(node) {
    registerSums(node)
    registerStock(node)
  },
  'gpu-0'(node) {
    registerWork(node)
  },
  depot(node) {
    registerStock(node)
  },
}

export function registerSamples(node: Node, as: TourNode): void {
  samples[as](node)
}

/** What the node can say of its routes, for whoever asks. */
function registerRoute(node: Node): void {
  node.register('route.to', (cluster: string) => node.explainRoute(cluster), {
    params: { cluster: 'str' },
    returns: 'dict',
    doc: 'Which way a call to a cluster takes, and why.',
  })
}

function registerPrices(node: Node): void {
  node.register('shop.price', (item: string) => ({ item, amount: netPrice(item) / 100 }), {
    version: '1.0.0',
    params: { item: 'str' },
    returns: 'dict',
    doc: 'What an item costs, net.',
  })
  node.register(
    'shop.price',
    (item: string) => ({
      item,
      amount: Math.round((netPrice(item) * (100 + VAT_PERCENT)) / 100) / 100,
      vat_percent: VAT_PERCENT,
    }),
    { version: '2.0.0', params: { item: 'str' }, returns: 'dict', doc: 'What an item costs, with tax.' },
  )
}

/** The same function on several nodes: any of them answers, and one may go. */
function registerStock(node: Node): void {
  node.register('stock.of', (item: string) => ({ item, count: STOCK[item] ?? 0, asked: node.settings.name }), {
    params: { item: 'str' },
    returns: 'dict',
    doc: 'How many there are, and who said so.',
  })
}

function registerSums(node: Node): void {
  node.register('add', (a: number, b: number) => a + b, {
    params: { a: 'float', b: 'float' },
    returns: 'float',
    doc: 'Add two numbers.',
  })
  node.register('till.total', (price: number, count: number) => Math.round(price * count * 100) / 100, {
    params: { price: 'float', count: 'int' },
    returns: 'float',
    doc: 'The price of several.',
  })
}

function registerWork(node: Node): void {
  node.register('train', (model: string) => `${model}, trained on gpu-0`, {
    params: { model: 'str' },
    resources: ['gpu-0'],
    doc: 'Runs only where the GPU is.',
  })
  node.register('forecast', (item: string, count: number) => ({ item, order: Math.max(0, 100 - count) }), {
    params: { item: 'str', count: 'int' },
    returns: 'dict',
    resources: ['gpu-0'],
    doc: 'What to order.',
  })
  node.register('wait', (call: { readonly signal: AbortSignal }, ms: number) => setTimeout(ms, ms, { signal: call.signal }), {
    withCall: true,
    params: { ms: 'int' },
    returns: 'int',
    doc: 'Takes its time, and ends early when nobody waits for it any more.',
  })
  const module = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './primes.worker.ts' : './primes.worker.js', import.meta.url))
  node.register(
    'primes',
    { module, export: 'countPrimes' },
    {
      params: { below: 'int' },
      returns: 'int',
      doc: 'Keeps a core busy; in a worker thread, so that nothing else has to wait.',
    },
  )
}

function netPrice(item: string): number {
  const price = PRICES[item]
  if (price === undefined) throw new RangeError(`no ${item} today; there are ${Object.keys(PRICES).join(', ')}`)
  return price
}
