/**
 * Who may introduce new destinations to a table of bounded size.
 *
 * A teacher may hold as many as are still free (a dynamic threshold: Choudhury and Hahne, IEEE/ACM ToN 6(2), 1998): alone it gets half of
 * the table, the next one half of the rest, and there is always room for one who has introduced little. So a flood of invented
 * destinations ends by itself, and takes nothing from others.
 */

export interface DestinationQuota {
  readonly used: number
  admits(teacher: string): boolean
  add(teacher: string): void
  remove(teacher: string): void
  /** The destination stays, though its first teacher does not offer it any more. */
  transfer(from: string, to: string): void
}

export function createDestinationQuota(capacity: number): DestinationQuota {
  const introduced = new Map<string, number>()
  let used = 0

  function change(teacher: string, by: number): void {
    const count = (introduced.get(teacher) ?? 0) + by
    if (count === 0) introduced.delete(teacher)
    else introduced.set(teacher, count)
  }

  return {
    get used() {
      return used
    },
    admits: (teacher) => (introduced.get(teacher) ?? 0) < capacity - used,
    add(teacher) {
      change(teacher, 1)
      used++
    },
    remove(teacher) {
      change(teacher, -1)
      used--
    },
    transfer(from, to) {
      change(from, -1)
      change(to, 1)
    },
  }
}
