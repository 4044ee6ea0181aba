/**
 * A binary heap in an array: the element that comes before all others is at index 0.
 *
 * The order is a parameter of each call, and must be the same for all calls on an array; it must tell any two elements apart for the order
 * of removal to be repeatable.
 */

export type Before<T> = (a: T, b: T) => boolean

export function heapPush<T>(heap: T[], item: T, before: Before<T>): void {
  let i = heap.length
  heap.push(item)
  while (i > 0) {
    const up = (i - 1) >> 1
    const parent = heap[up] as T
    if (!before(item, parent)) break
    heap[i] = parent
    i = up
  }
  heap[i] = item
}

/** Takes the first element out; undefined when there is none. */
export function heapPop<T>(heap: T[], before: Before<T>): T | undefined {
  const first = heap[0]
  const last = heap.pop()
  const { length } = heap
  if (last === undefined || length === 0) return first
  let i = 0
  for (;;) {
    let down = 2 * i + 1
    if (down >= length) break
    if (down + 1 < length && before(heap[down + 1] as T, heap[down] as T)) down++
    const child = heap[down] as T
    if (!before(child, last)) break
    heap[i] = child
    i = down
  }
  heap[i] = last
  return first
}
