import fc from 'fast-check'
import { Qlobber } from 'qlobber'
import { describe, expect, it } from 'vitest'
import { TopicTrie } from './topic-trie.ts'

/** The definition, word for word: slow and obvious. */
function matchesByDefinition(pattern: string, topic: string): boolean {
  const want = pattern === '' ? [] : pattern.split('.')
  const have = topic === '' ? [] : topic.split('.')
  const from = (i: number, j: number): boolean => {
    if (i === want.length) return j === have.length
    if (want[i] === '#') return from(i + 1, j) || (j < have.length && from(i, j + 1))
    return j < have.length && (want[i] === '*' || want[i] === have[j]) && from(i + 1, j + 1)
  }
  return from(0, 0)
}

const segment = fc.constantFrom('a', 'b', 'c', '', '*', '#', '*', '#', 'a*', '##')
const pattern = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join('.'))
const topic = fc.array(fc.constantFrom('a', 'b', 'c', '', '*', '#', 'zz'), { maxLength: 7 }).map((segments) => segments.join('.'))

describe('topic trie', () => {
  it.each([
    ['#', '', true],
    ['#', 'a.b.c', true],
    ['a.#', 'a', true],
    ['a.#', 'a.b.c', true],
    ['a.#.c', 'a.c', true],
    ['a.#.c', 'a.x.y.c', true],
    ['#.b', 'b', true],
    ['#.b.#', 'b', true],
    ['#.*', '', false],
    ['a.#.#', 'a', true],
    ['#.#', '', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['a.*', 'a.', true],
    ['*', 'a', true],
    ['*', '', false],
    ['*', 'a.b', false],
    ['a..b', 'a..b', true],
    ['a.*.b', 'a..b', true],
    ['', '', true],
    ['.', '', false],
    ['.', '.', true],
    ['ord*', 'orders', false],
    ['a*', 'a*', true],
    ['a.b.#', 'a', false],
    ['a.*', 'a.*', true],
    ['a.#', 'a.*', true],
    ['a.b', 'a.*', false],
    ['a.#.b.#.c', 'a.b.x.b.c', true],
  ])('pattern %j on topic %j: %s', (pattern, topic, expected) => {
    const trie = new TopicTrie<number>()
    trie.add(pattern, 1)
    expect(trie.match(topic)).toEqual(expected ? [1] : [])
  })

  it('follows the definition through any sequence of additions and removals', () => {
    // `take` names one of the patterns then held: a removal drawn blindly would hardly ever hit one.
    const command = fc.record({
      kind: fc.constantFrom('add', 'add', 'remove', 'take', 'take'),
      pattern,
      value: fc.nat(3),
      exact: fc.nat(4).map((n) => n === 0),
      take: fc.nat(40),
    })
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 40 }),
        fc.array(topic, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (commands, topics, cached) => {
          const trie = new TopicTrie<number>(cached ? { cachedTopicsMax: 2 } : {})
          const model = new Map<string, { pattern: string; value: number; exact: boolean }>()
          for (const command of commands) {
            const held = [...model.values()][command.take % Math.max(1, model.size)]
            const { pattern, value, exact } = command.kind === 'take' && held !== undefined ? held : command
            // Without a wildcard segment both kinds are the same pattern.
            const plain = exact || !pattern.split('.').some((s) => s === '*' || s === '#')
            const key = `${plain} ${pattern} ${value}`
            if (command.kind === 'add') {
              expect(trie.add(pattern, value, exact)).toBe(!model.has(key))
              model.set(key, { pattern, value, exact })
            } else {
              expect(trie.remove(pattern, value, exact)).toBe(model.delete(key))
            }
            for (const topic of [...topics, ...commands.slice(0, 5).map((one) => one.pattern)]) {
              const expected = new Set<number>()
              for (const entry of model.values()) {
                if (entry.exact ? entry.pattern === topic : matchesByDefinition(entry.pattern, topic)) expected.add(entry.value)
              }
              expect(trie.match(topic).sort()).toEqual([...expected].sort())
            }
          }
          for (const { pattern, value, exact } of model.values()) expect(trie.remove(pattern, value, exact)).toBe(true)
          expect(trie.stats()).toMatchObject({ total_nodes: 1, total_patterns: 0, average_pattern_depth: 0 })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('agrees with qlobber on a large set of patterns', () => {
    const words = fc
      .array(fc.constantFrom('*', '#', ...'abcdefgh'), { minLength: 1, maxLength: 5 })
      .filter((list) => list.filter((w) => w === '#').length < 3)
    const texts = fc.array(fc.constantFrom(...'abcdefghi'), { minLength: 1, maxLength: 6 }).map((list) => list.join('.'))
    fc.assert(
      fc.property(fc.array(words, { minLength: 200, maxLength: 400 }), fc.array(texts, { minLength: 20 }), (patterns, topics) => {
        const oracle = new Qlobber<number>()
        const trie = new TopicTrie<number>()
        patterns.forEach((list, i) => {
          oracle.add(list.join('.'), i)
          trie.add(list.join('.'), i)
        })
        for (const topic of topics) expect(trie.match(topic).sort()).toEqual([...new Set(oracle.match(topic))].sort())
      }),
      { numRuns: 20 },
    )
  })

  it('returns a value once, however many of its patterns match', () => {
    const trie = new TopicTrie<string>()
    for (const pattern of ['a.b', 'a.*', '*.b', '#', 'a.#', '#.#']) trie.add(pattern, 'only')
    expect(trie.match('a.b')).toEqual(['only'])
    trie.remove('#', 'only')
    expect(trie.match('a.b')).toEqual(['only'])
  })

  it('changes nothing when asked to add what is there or to remove what is not', () => {
    const trie = new TopicTrie<string>()
    expect(trie.add('a.*', 'x')).toBe(true)
    expect(trie.add('a.*', 'x')).toBe(false)
    const before = trie.stats()
    expect(trie.remove('a', 'x')).toBe(false)
    expect(trie.remove('a.*.b', 'x')).toBe(false)
    expect(trie.remove('a.*', 'y')).toBe(false)
    expect(trie.remove('a.*', 'x', true)).toBe(false)
    expect(trie.stats()).toEqual(before)
    expect(trie.remove('a.*', 'x')).toBe(true)
    expect(trie.remove('a.*', 'x')).toBe(false)
  })

  it('keeps many values under one pattern and lets any of them go', () => {
    const trie = new TopicTrie<number>()
    for (let i = 0; i < 1000; i++) trie.add('news.#', i)
    for (let i = 0; i < 1000; i += 2) expect(trie.remove('news.#', i)).toBe(true)
    expect(trie.match('news.today').sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => 2 * i + 1))
    expect(trie.stats().total_patterns).toBe(1)
  })

  it('takes wildcards as plain text in an exact subscription', () => {
    const trie = new TopicTrie<string>()
    trie.add('a.*', 'exact', true)
    expect(trie.match('a.b')).toEqual([])
    expect(trie.match('a.*')).toEqual(['exact'])
  })

  it('is not slowed down by many # in one pattern', () => {
    const trie = new TopicTrie<number>()
    trie.add(Array.from({ length: 30 }, () => '#.a').join('.'), 1)
    const visits: number[] = []
    trie.matchInto(`${'a.'.repeat(200)}b`, (value) => visits.push(value))
    expect(visits).toEqual([])
    expect(trie.match('a.'.repeat(200).slice(0, -1))).toEqual([1])
  }, 1000)

  it('frees nodes, so that coming and going subscriptions do not grow it', () => {
    const trie = new TopicTrie<number>()
    trie.add('keep.me.#', 0)
    const before = trie.stats()
    for (let i = 0; i < 5000; i++) {
      trie.add(`session.${i}.*.events.#`, i)
      trie.add('keep.me.too', i)
      trie.remove('keep.me.too', i)
      trie.remove(`session.${i}.*.events.#`, i)
    }
    const after = trie.stats()
    expect(after.total_nodes).toBe(before.total_nodes)
    expect(after.total_patterns).toBe(1)
    expect(after.memory_usage_estimate_bytes).toBeLessThan(before.memory_usage_estimate_bytes + 1000)
  })

  it('hands out arrays the caller may keep and change', () => {
    for (const trie of [new TopicTrie<string>(), new TopicTrie<string>({ cachedTopicsMax: 10 })]) {
      trie.add('a', 'x')
      const first = trie.match('a')
      first.push('mine')
      const second = trie.match('a')
      expect(second).toEqual(['x'])
      second.length = 0
      expect(trie.match('a')).toEqual(['x'])
      expect(first).toEqual(['x', 'mine'])
    }
  })

  it('lets a visitor match', () => {
    const trie = new TopicTrie<string>()
    for (const value of ['x', 'y', 'z']) trie.add('a', value)
    for (const value of ['1', '2', '3']) trie.add('b', value)
    const seen: string[] = []
    trie.matchInto('a', (value) => {
      expect(trie.match('b').sort()).toEqual(['1', '2', '3'])
      trie.matchInto('b', (inner) => seen.push(value + inner))
    })
    expect(seen.sort()).toEqual(['x1', 'x2', 'x3', 'y1', 'y2', 'y3', 'z1', 'z2', 'z3'])
  })

  it('lets a visitor change the trie', () => {
    const trie = new TopicTrie<string>()
    for (const value of ['x', 'y', 'z']) trie.add('a.#', value)
    const seen: string[] = []
    trie.matchInto('a', (value) => {
      trie.remove('a.#', value)
      trie.add('a.*', `${value}2`)
      seen.push(value)
    })
    expect(seen.sort()).toEqual(['x', 'y', 'z'])
    expect(trie.match('a.b').sort()).toEqual(['x2', 'y2', 'z2'])
    expect(trie.match('a')).toEqual([])
  })

  it('forgets cached results with any change, and the oldest 1000 when full', () => {
    const trie = new TopicTrie<string>({ cachedTopicsMax: 2000 })
    trie.add('a.*', 'x')
    trie.match('a.b')
    trie.match('a.b')
    expect(trie.stats()).toMatchObject({ cache_hits: 1, cache_misses: 1, cache_hit_ratio: 0.5, cached_patterns: 1 })
    trie.add('#', 'y')
    expect(trie.match('a.b').sort()).toEqual(['x', 'y'])
    trie.remove('#', 'y')
    expect(trie.match('a.b')).toEqual(['x'])
    for (let i = 0; i < 2000; i++) trie.match(`a.${i}`)
    expect(trie.stats().cached_patterns).toBe(1001)
  })

  it('counts nodes, patterns and their depth', () => {
    const trie = new TopicTrie<number>()
    expect(trie.stats()).toMatchObject({ total_nodes: 1, total_patterns: 0, average_pattern_depth: 0, cache_hit_ratio: 0 })
    trie.add('a.b', 1)
    trie.add('a.b', 2)
    trie.add('a.*.c.#', 1)
    trie.add('', 1)
    expect(trie.stats()).toMatchObject({ total_nodes: 6, total_patterns: 3, average_pattern_depth: 2 })
    trie.remove('a.*.c.#', 1)
    expect(trie.stats()).toMatchObject({ total_nodes: 3, total_patterns: 2, average_pattern_depth: 1 })
    trie.clear()
    expect(trie.stats()).toMatchObject({ total_nodes: 1, total_patterns: 0 })
    expect(trie.match('a.b')).toEqual([])
    trie.add('a.b', 3)
    expect(trie.match('a.b')).toEqual([3])
  })
})

describe('patterns of the topic exchange', () => {
  it('topic check 1: overlapping patterns match each on their own terms', () => {
    const trie = new TopicTrie<string>()
    trie.add('user.*.login', 's1')
    trie.add('user.#', 's2')
    trie.add('user.7.#', 's3')
    const match = (topic: string) => trie.match(topic).sort()
    expect([match('user.7.login'), match('user.9.login'), match('user'), match('admin.x')]).toEqual([
      ['s1', 's2', 's3'],
      ['s1', 's2'],
      ['s2'],
      [],
    ])
  })

  it('topic check 2: # is any number of segments, * exactly one, which may be empty', () => {
    const matches = (pattern: string, topic: string) => {
      const trie = new TopicTrie<number>()
      trie.add(pattern, 1)
      return trie.match(topic).length === 1
    }
    expect(['a.c', 'a.b.c', 'a.b.b.c'].map((topic) => matches('a.#.c', topic))).toEqual([true, true, true])
    expect([matches('a.*', 'a'), matches('a.*', 'a.'), matches('#', ''), matches('a.#.#', 'a')]).toEqual([false, true, true, true])
  })
})
