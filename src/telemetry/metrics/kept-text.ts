/**
 * Texts that others chose (names of commands, topics, error messages, ids), as they are kept: bounded in size, and by themselves.
 */
import { copiedText } from '../../base/index.ts'
import { ID_CHARACTERS_MAX, TEXT_CHARACTERS_MAX } from './constants.ts'

/** At most {@link TEXT_CHARACTERS_MAX} characters; one that was cut ends in an ellipsis. */
export function keptText(text: string): string {
  return copiedText(text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX - 1)}…` : text)
}

export function keptId(id: string): string {
  return copiedText(shortId(id))
}

/** An id as it is looked up: no longer than it was kept. */
export function shortId(id: string): string {
  return id.length > ID_CHARACTERS_MAX ? id.slice(0, ID_CHARACTERS_MAX) : id
}

/** Of a list as much as a text may have characters. */
export function keptMetadata(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept: Record<string, unknown> = {}
  for (const key of Object.keys(metadata)) {
    const value = metadata[key]
    kept[key] = typeof value === 'string' ? keptText(value) : Array.isArray(value) ? keptList(value) : value
  }
  return kept
}

function keptList(list: readonly unknown[]): readonly unknown[] {
  let room = TEXT_CHARACTERS_MAX
  for (let i = 0; i < list.length; i++) {
    room -= String(list[i]).length + 1
    if (room < 0) return [...list.slice(0, i), '…']
  }
  return list
}
