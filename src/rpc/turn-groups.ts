/**
 * Gathers what is said within one turn of the event loop and has something in common, to say it in one piece when the turn ends.
 *
 * Whoever says one thing at a time does not wait for others: the first item of a turn leaves at once, unless the turn before showed that more
 * will follow. The turn ends with its microtasks, hence the same way in a simulation as on sockets.
 */
export interface TurnGroupsOptions<C, I> {
  /** Whether two items may share a group. */
  isSame(a: C, b: C): boolean
  /** @param items at least one */
  send(common: C, items: readonly I[]): void
}

/**
 * Items of a group that leave without waiting for more. A frame costs the process it wakes as much as some twenty of its calls do, so groups are to be
 * large; but one that holds all that is under way leaves every process but one idle. Half of the usual 64 in flight makes two that overlap.
 */
const ITEMS_MAX = 32
/** Characters of such a group. */
const CHARACTERS_MAX = 32 * 1024
/** Groups open at once; looking for the right one is a walk through all. */
const GROUPS_MAX = 16

interface Group<C, I> {
  readonly common: C
  readonly items: I[]
  characters: number
}

export class TurnGroups<C, I> {
  readonly #options: TurnGroupsOptions<C, I>
  #open: Group<C, I>[] = []
  #isTurnOpen = false
  /** Items of this turn. */
  #said = 0
  /** The last turn had no more than one item. */
  #isQuiet = true

  constructor(options: TurnGroupsOptions<C, I>) {
    this.#options = options
  }

  /** @param characters about what the item adds to its group */
  add(common: C, item: I, characters: number): void {
    if (!this.#isTurnOpen) {
      this.#isTurnOpen = true
      queueMicrotask(this.#endTurn)
    }
    this.#said++
    const { isSame, send } = this.#options
    if (this.#said === 1 && this.#isQuiet) return send(common, [item])
    let group = this.#open.find((one) => isSame(one.common, common))
    if (group === undefined) {
      if (this.#open.length === GROUPS_MAX) this.flush()
      group = { common, items: [], characters: 0 }
      this.#open.push(group)
    }
    group.items.push(item)
    group.characters += characters
    if (group.items.length < ITEMS_MAX && group.characters < CHARACTERS_MAX) return
    this.#open.splice(this.#open.indexOf(group), 1)
    send(common, group.items)
  }

  /** What has gathered leaves now: something else is to follow it. */
  flush(): void {
    const groups = this.#open
    if (groups.length === 0) return
    this.#open = []
    for (const { common, items } of groups) this.#options.send(common, items)
  }

  readonly #endTurn = (): void => {
    this.#isTurnOpen = false
    this.#isQuiet = this.#said <= 1
    this.#said = 0
    this.flush()
  }
}
