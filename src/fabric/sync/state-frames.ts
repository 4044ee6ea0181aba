/** Records on their way to a peer: cut and packed so that every frame stays below what the peer accepts. */
import { encodeSync, OutboundFrame, type SyncFrame, type SyncMessage, type SyncState, versionedBytes } from '../../wire/index.ts'
import { type OwnerChange, type OwnerRemoval, type OwnerUpdate, splitOwnerUpdate } from '../catalog/owner-record.ts'
import { STATE_BYTES_MAX, STATE_HEAD_BYTES } from './constants.ts'

export interface StateFrame {
  readonly frame: OutboundFrame<SyncFrame>
  /** At most; what it really takes is known only once it is printed. */
  readonly bytes: number
}

/** @param frameBytesMax what the peer accepts */
export function stateFrames(updates: readonly OwnerUpdate[], frameBytesMax: number): StateFrame[] {
  const room = Math.max(1, Math.min(frameBytesMax, STATE_BYTES_MAX) - STATE_HEAD_BYTES)
  const frames: StateFrame[] = []
  let owners: SyncState[] = []
  let used = 0

  function close(): void {
    if (owners.length === 0) return
    frames.push({ frame: syncFrame({ kind: 'state', owners }), bytes: used })
    owners = []
    used = 0
  }

  for (const update of updates) {
    for (const piece of splitOwnerUpdate(update, changeBytes, room - STATE_HEAD_BYTES)) {
      const bytes = pieceBytes(piece)
      if (used > 0 && used + bytes > room) close()
      owners.push(piece)
      used += bytes
    }
  }
  close()
  return frames
}

export function syncFrame(message: SyncMessage): OutboundFrame<SyncFrame> {
  return new OutboundFrame<SyncFrame>({ role: 'fabric-sync', payload: message }, ({ payload }) => encodeSync(payload))
}

function pieceBytes({ entries, removals }: OwnerUpdate): number {
  let bytes = STATE_HEAD_BYTES
  for (const entry of entries) bytes += changeBytes(entry)
  for (const removal of removals) bytes += changeBytes(removal)
  return bytes
}

/** Entries live long and are told to many; their size is found out once. */
const sizes = new WeakMap<object, number>()

function changeBytes(change: OwnerChange | OwnerRemoval): number {
  if (!('entry' in change)) return versionedBytes(change)
  const known = sizes.get(change.entry)
  if (known !== undefined) return known
  const bytes = versionedBytes(change)
  sizes.set(change.entry, bytes)
  return bytes
}
