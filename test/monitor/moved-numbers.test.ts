import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createScene, NUMBER_EVENTS, type NumberEvent } from './number-events.ts'
import { CONSTANT, ELSEWHERE, NOT_ALWAYS_THERE } from './number-exceptions.ts'
import { movedBetween, type Numbers, numbersOf } from './number-leaves.ts'
import { MOVED_BY } from './number-sources.ts'

/** How long a number may take to show what happened: records are made every five seconds. */
const SHOWN_WITHIN_MS = 15_000
const SCENE_MS = 240_000

describe('the numbers a node shows', () => {
  it('each move with the event that is their source, and none is without one', { timeout: SCENE_MS }, async () => {
    const scene = await createScene()
    const constant = new Map<string, string>()
    const changed = new Set<string>()
    const seen = new Set<string>()
    const unmoved: Partial<Record<NumberEvent, readonly string[]>> = {}

    async function look(): Promise<Numbers> {
      const numbers = await numbersOf(scene.node, scene.questions)
      for (const [name, values] of numbers) {
        seen.add(name)
        if ((constant.get(name) ?? String(values)) !== String(values)) changed.add(name)
        constant.set(name, String(values))
      }
      return numbers
    }

    /** Lets the event happen, and looks until everything it must move has moved. */
    async function moves(event: NumberEvent, before: Numbers): Promise<Numbers> {
      const due = new Set(MOVED_BY[event])
      await scene.events[event]()
      const endMs = performance.now() + SHOWN_WITHIN_MS
      for (;;) {
        const after = await look()
        const moved = movedBetween(before, after)
        for (const name of due) if (moved.has(name)) due.delete(name)
        if (event === 'time passes') for (const name of timestampsOf(after)) if (!moved.has(name)) due.add(name)
        if (due.size === 0) return after
        if (performance.now() > endMs) {
          unmoved[event] = [...due].sort()
          return after
        }
      }
    }

    try {
      let numbers = await look()
      for (const event of NUMBER_EVENTS) numbers = await moves(event, numbers)
    } finally {
      await scene.stop()
    }

    expect(unmoved).toEqual({})
    const known = new Set([...Object.values(MOVED_BY), ...Object.values(CONSTANT), ELSEWHERE.flatMap(({ names }) => names)].flat())
    const isPossible = (name: string) => known.has(name) || NOT_ALWAYS_THERE.includes(name)
    expect([...seen].filter((name) => !isPossible(name) && !isTimestamp(name)).sort()).toEqual([])
    expect([...known].filter((name) => !seen.has(name)).sort()).toEqual([])
    expect(
      Object.values(CONSTANT)
        .flat()
        .filter((name) => changed.has(name)),
    ).toEqual([])
  })

  it.each(ELSEWHERE)('$names are moved in $file', ({ file, text }) => {
    const isThere = readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8').includes(text)
    expect(isThere, text).toBe(true)
  })
})

/** When the answer was made: every answer ends with it. */
function isTimestamp(name: string): boolean {
  return name.endsWith(' timestamp')
}

function timestampsOf(numbers: Numbers): string[] {
  return [...numbers.keys()].filter(isTimestamp)
}
