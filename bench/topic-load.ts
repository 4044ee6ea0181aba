/**
 * Subscriptions and topics as a large installation has them, the same on every machine.
 *
 * A topic is `region.site.kind.device.event`: 8 regions, 40 sites, 12 kinds, 500 devices, 20 events. Some names are commoner than others:
 * an index is the square of a uniform number, so the first quarter of the names makes up half of the traffic.
 *
 * A pattern starts as such a topic and is made more general, always with a wildcard: of 100 patterns, 70 get `*` for one to three of their
 * five segments, 18 end in `#` after two or three segments, 12 get `#` for the segments in front of the last two. That makes about 28
 * matches a topic for 10,000 patterns. Patterns may repeat, as subscribers' interests do.
 */
import { createSeededRandom } from '../src/base/index.ts'

const NAMES = [
  { stem: 'region', count: 8 },
  { stem: 'site', count: 40 },
  { stem: 'kind', count: 12 },
  { stem: 'device', count: 500 },
  { stem: 'event', count: 20 },
]

export interface TopicLoad {
  topic(): string
  pattern(): string
}

export function createTopicLoad(seed: string): TopicLoad {
  const random = createSeededRandom(seed, () => 0)

  function segments(): string[] {
    return NAMES.map(({ stem, count }) => `${stem}-${Math.floor(random.next() ** 2 * count)}`)
  }

  function pattern(): string {
    const words = segments()
    const shape = random.next()
    if (shape < 0.7) {
      const stars = 1 + random.int(3)
      for (const at of random.sample([0, 1, 2, 3, 4], stars)) words[at] = '*'
    } else if (shape < 0.88) {
      words.length = 2 + random.int(2)
      words.push('#')
    } else {
      words.splice(0, 3, '#')
    }
    return flat(words.join('.'))
  }

  return { topic: () => flat(segments().join('.')), pattern }
}

/** One run of characters, as a parser hands it over; a string just put together may still be a tree of its parts. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1')
}
