/** What became of a send, in the one form it is told in everywhere. */
import type { Clock } from '../base/index.ts'
import type { QueueSendResult } from '../wire/index.ts'

/** @param error null: it succeeded; @param to cluster or subscribers it is about */
export function sendResult(
  clock: Pick<Clock, 'wall'>,
  messageId: string,
  error: string | null = null,
  to: readonly string[] = NOBODY,
): QueueSendResult {
  return {
    success: error === null,
    message_id: messageId,
    delivered_to: error === null ? to : NOBODY,
    failed_deliveries: error === null ? NOBODY : to,
    error_message: error,
    delivery_timestamp: clock.wall(),
  }
}

const NOBODY: readonly string[] = []
