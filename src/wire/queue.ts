/**
 * What is said about queues: a message as its consumer gets it, what became of a send, how a queue is made and what it counts. These records
 * are what the `queue_*` functions of a node take and answer, and what the code of queues uses itself.
 */
import type { QueueMessageGuarantee, QueueMessageOptions } from './fabric-payloads.ts'
import type { RawJson } from './json.ts'

export const QUEUE_TYPES = ['fifo', 'priority', 'delay'] as const
export type QueueType = (typeof QUEUE_TYPES)[number]

/** How one queue behaves. Durations in seconds. */
export interface QueueConfig {
  readonly queue_type: QueueType
  /** Messages that may wait; one more is refused. */
  readonly max_size: number
  /** How long a pulled message belongs to its consumer. */
  readonly default_visibility_timeout_seconds: number
  /** How long a pushed message may go without acknowledgement. */
  readonly default_acknowledgment_timeout_seconds: number
  /** Age at which a waiting message is dropped; null: never. */
  readonly message_ttl_seconds: number | null
  /** False: a message that would become a dead letter is dropped, and counted. */
  readonly enable_dead_letter_queue: boolean
  /** Deliveries before a message becomes a dead letter; null: its `max_retries` + 1. */
  readonly dead_letter_max_receives: number | null
  /** Dead letters kept; the oldest make room. */
  readonly dead_letters_max: number
  readonly enable_deduplication: boolean
  readonly deduplication_window_seconds: number
  /** Deliveries after the first. */
  readonly max_retries: number
  /** Wait before the first redelivery, doubled for each further one, with jitter; 0: none. */
  readonly retry_backoff_seconds: number
  readonly retry_backoff_max_seconds: number
  /** A message that nobody subscribes to waits for a consumer; false: it becomes a dead letter at once. */
  readonly hold_without_subscribers: boolean
  /** Deliveries that may wait for acknowledgement; then deliveries pause. */
  readonly max_in_flight: number
}

/** What a sender may ask for; null or absent is the queue's default. */
export type QueueSendOptions = { readonly [K in keyof QueueMessageOptions]?: QueueMessageOptions[K] | null }

/** With every default filled in. */
export type ConcreteQueueOptions = { readonly [K in keyof QueueMessageOptions]: NonNullable<QueueMessageOptions[K]> }

/** A message in a queue. */
export interface QueueMessage {
  readonly message_id: string
  readonly topic: string
  readonly payload: RawJson
  readonly delivery_guarantee: QueueMessageGuarantee
  readonly options: ConcreteQueueOptions
  /** Unix seconds. */
  readonly created_at: number
}

/** A message as a consumer gets it. */
export interface ReceivedQueueMessage extends QueueMessage {
  /** 1 for the first delivery. An acknowledgement may name it, so that one that comes late does not count for a later delivery. */
  readonly attempt: number
}

export interface QueueSendResult {
  readonly success: boolean
  readonly message_id: string
  /** The cluster a message was enqueued in, or sent to; where it is handed out at once (`fire_and_forget` on the queue's node) its subscribers. */
  readonly delivered_to: readonly string[]
  readonly failed_deliveries: readonly string[]
  readonly error_message: string | null
  /** Unix seconds. */
  readonly delivery_timestamp: number
}

export const DEAD_LETTER_REASONS = ['No subscribers', 'All deliveries failed', 'Max retries exceeded', 'Rejected by consumer'] as const
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

export interface DeadLetter {
  readonly message: QueueMessage
  readonly reason: DeadLetterReason
  /** What the last consumer said, where it said something. */
  readonly detail: string | null
  /** Deliveries it had. */
  readonly attempts: number
  readonly last_delivered_to: readonly string[]
  /** Unix seconds. */
  readonly died_at: number
}

export interface QueueStatistics {
  readonly messages_sent: number
  /** Deliveries, one for each subscriber. */
  readonly messages_received: number
  readonly messages_acknowledged: number
  /** Became dead letters, or would have. */
  readonly messages_failed: number
  readonly messages_expired: number
  readonly messages_requeued: number
  /** Sends refused because the queue was full, or as duplicates. */
  readonly messages_refused: number
  readonly messages_duplicate: number
  readonly messages_redriven: number
  readonly current_queue_size: number
  readonly current_in_flight_count: number
  readonly dead_letters: number
  /** Dead letters that made room for newer ones. */
  readonly dead_letters_dropped: number
  /** Times deliveries paused because too many went without acknowledgement. */
  readonly in_flight_pauses: number
  /** Consumers that wait for a message. */
  readonly waiting_receivers: number
  /** From delivery to acknowledgement. */
  readonly average_processing_time_seconds: number
  /** Unix seconds: when counting began. */
  readonly last_reset_time: number
  /** Acknowledged of those that came to an end, 0 to 1; 0 if none did. */
  readonly success_rate: number
}

export interface QueueInfo {
  readonly name: string
  readonly config: QueueConfig
  readonly statistics: QueueStatistics
  readonly subscriptions: number
  /** Topic patterns whose publications are enqueued here. */
  readonly topic_routes: readonly string[]
}

/** Of all queues of a node. */
export interface QueueTotals {
  readonly total_queues: number
  readonly total_messages_sent: number
  readonly total_messages_received: number
  readonly total_messages_acknowledged: number
  readonly total_messages_failed: number
  readonly active_subscriptions: number
  readonly success_rate: number
}
