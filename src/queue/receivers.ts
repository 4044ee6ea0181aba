/** Consumers that asked for messages and wait until there are some, first come, first served. */
import { type DeadlineHandle, DeadlineQueue, type Env, LinkedList, type ListHandle } from '../base/index.ts'
import type { ReceivedQueueMessage } from '../wire/index.ts'
import { TooManyReceiversError } from './errors.ts'

export interface ReceiveRequest {
  /** Most messages at a time; default 1. */
  readonly max?: number
  /** Most bytes of them as JSON; default: any number. */
  readonly bytesMax?: number | undefined
  /** How long to wait for the first; default 0: not at all. */
  readonly waitSeconds?: number
  readonly subscriberId: string
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

export interface Receiver {
  readonly max: number
  readonly bytesMax: number | undefined
  readonly subscriberId: string
  readonly answer: (messages: ReceivedQueueMessage[]) => void
  readonly refuse: (error: unknown) => void
  /** Its place in the line, and when it waits no longer. */
  handle: ListHandle | undefined
  deadline: DeadlineHandle<Receiver> | undefined
}

export interface Receivers {
  readonly size: number
  /** @throws TooManyReceiversError */
  wait(request: ReceiveRequest, max: number): Promise<ReceivedQueueMessage[]>
  /** Who has waited longest; stays in line until answered. */
  first(): Receiver | undefined
  answer(receiver: Receiver, messages: ReceivedQueueMessage[]): void
  /** It gets no messages but an error. */
  refuse(receiver: Receiver, error: unknown): void
  /** Sends everybody away empty-handed. */
  close(): void
}

const RECEIVERS_MAX = 1_000

export function createReceivers({ clock, timers }: Pick<Env, 'clock' | 'timers'>, queue: string): Receivers {
  const line = new LinkedList<Receiver>()
  const deadlines = new DeadlineQueue<Receiver>({ clock, timers, onExpire: (receiver) => answer(receiver, []) })

  function answer(receiver: Receiver, messages: ReceivedQueueMessage[]): void {
    if (leaves(receiver)) receiver.answer(messages)
  }

  /** False when it had left before. */
  function leaves({ deadline, handle }: Receiver): boolean {
    if (handle === undefined || !line.remove(handle)) return false
    if (deadline !== undefined) deadlines.remove(deadline)
    return true
  }

  return {
    get size() {
      return line.size
    },
    wait({ bytesMax, signal, subscriberId, waitSeconds = 0 }, max) {
      if (line.size >= RECEIVERS_MAX) throw new TooManyReceiversError(queue, RECEIVERS_MAX)
      return new Promise((resolve, reject) => {
        const leave = () => answer(receiver, [])
        const receiver: Receiver = {
          max,
          bytesMax,
          subscriberId,
          answer(messages) {
            signal?.removeEventListener('abort', leave)
            resolve(messages)
          },
          refuse(error) {
            signal?.removeEventListener('abort', leave)
            reject(error)
          },
          handle: undefined,
          deadline: undefined,
        }
        receiver.handle = line.add(receiver)
        receiver.deadline = deadlines.add(receiver, clock.monotonic() + waitSeconds * 1000)
        if (signal?.aborted === true) leave()
        else signal?.addEventListener('abort', leave)
      })
    },
    first: () => line.first,
    answer,
    refuse(receiver, error) {
      if (leaves(receiver)) receiver.refuse(error)
    },
    close() {
      for (const receiver of line.values()) answer(receiver, [])
      deadlines.close()
    },
  }
}
