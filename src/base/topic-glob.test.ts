import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesTopicGlob, validatePattern } from './topic-glob.ts'
import { TopicTrie } from './topic-trie.ts'

describe('topic glob', () => {
  it.each([
    ['', '', false],
    ['', 'a', false],
    ['ord*', 'orders', true],
    ['sub-*', 'sub-queue', true],
    ['a#b', 'aXYb', true],
    ['a#b', 'ab', true],
    ['*', '', true],
    ['#', '', true],
    ['a*', 'b', false],
    ['*b*', 'abc', true],
    ['a*.b', 'ax.b', false],
    ['a*.b', 'a*.b', true],
    ['a*', 'a.b', false],
    ['*', 'a.b', false],
    ['#', 'a.b', true],
    ['a.*', 'a', false],
    ['a.#', 'a', true],
    ['a.#.#', 'a', true],
    ['a.#.c', 'a.b.c.d.c', true],
    ['a.#.c', 'a.c.d', false],
    ['a.*', 'a.', true],
  ])('pattern %j on %j: %s', (pattern, topic, expected) => {
    expect(matchesTopicGlob(pattern, topic)).toBe(expected)
  })

  it('answers as the trie does as soon as the pattern has a dot', () => {
    const words = (...list: string[]) => fc.array(fc.constantFrom(...list), { minLength: 2, maxLength: 7 }).map((parts) => parts.join('.'))
    fc.assert(
      fc.property(words('a', 'b', '', '*', '#', 'a*'), words('a', 'b', '', '*'), (pattern, topic) => {
        const trie = new TopicTrie<number>()
        trie.add(pattern, 1)
        expect(matchesTopicGlob(pattern, topic)).toBe(pattern === topic || trie.match(topic).length === 1)
      }),
    )
  })

  it('answers as a regular expression does when there is no dot', () => {
    const text = (alphabet: string) => fc.array(fc.constantFrom(...alphabet), { maxLength: 8 }).map((list) => list.join(''))
    fc.assert(
      fc.property(text('ab*#'), text('ab'), (pattern, topic) => {
        const expected = pattern !== '' && new RegExp(`^${pattern.replace(/[*#]/g, '.*')}$`).test(topic)
        expect(matchesTopicGlob(pattern, topic)).toBe(expected)
      }),
    )
  })
})

describe('pattern validation', () => {
  it.each([
    ['', 'Topic pattern cannot be empty'],
    ['a b', 'Topic pattern contains invalid characters'],
    ['a/b', 'Topic pattern contains invalid characters'],
    ['a\n', 'Topic pattern contains invalid characters'],
    ['a.##', 'Invalid wildcard usage (double wildcards not allowed)'],
    ['a**', 'Invalid wildcard usage (double wildcards not allowed)'],
    ['a.b#', '# wildcard must be its own segment'],
    ['a*.b', '* wildcard must be its own segment'],
  ])('%j: %s', (pattern, message) => {
    expect(validatePattern(pattern)).toEqual({ ok: false, message })
  })

  it.each(['a', 'ord*', 'a#b', 'a.*', '#', 'a.#.b', 'a..b', 'A_1-2.*'])('%j is fine', (pattern) => {
    expect(validatePattern(pattern)).toEqual({ ok: true })
  })
})

describe('the matcher of names', () => {
  it('topic check 3: globs without dots, segments with them, and the complaint about a wildcard inside a segment', () => {
    expect([matchesTopicGlob('sub-*', 'sub-queue'), matchesTopicGlob('a*.b', 'ax.b'), matchesTopicGlob('', '')]).toEqual([
      true,
      false,
      false,
    ])
    expect(validatePattern('user.a*.events')).toEqual({ ok: false, message: '* wildcard must be its own segment' })
  })
})
