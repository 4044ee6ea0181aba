/** How queues behave unless told otherwise, and whether what they are told makes sense. */
import {
  type ConcreteQueueOptions,
  QUEUE_MESSAGE_GUARANTEES,
  QUEUE_TYPES,
  type QueueConfig,
  type QueueEntry,
  type QueueMessageGuarantee,
  type QueueSendOptions,
} from '../wire/index.ts'
import { QueueOptionError, UnknownQueueOptionError } from './errors.ts'

/** Of all queues of a node. */
export interface QueuesConfig {
  /** What a queue is made with unless asked otherwise. */
  readonly queue: QueueConfig
  /** Sending to a queue that does not exist makes it. */
  readonly autoCreate: boolean
  readonly queuesMax: number
}

const QUEUE: QueueConfig = {
  queue_type: 'fifo',
  max_size: 10_000,
  default_visibility_timeout_seconds: 30,
  default_acknowledgment_timeout_seconds: 300,
  message_ttl_seconds: null,
  enable_dead_letter_queue: true,
  dead_letter_max_receives: null,
  dead_letters_max: 1_000,
  enable_deduplication: false,
  deduplication_window_seconds: 300,
  max_retries: 3,
  retry_backoff_seconds: 0,
  retry_backoff_max_seconds: 300,
  hold_without_subscribers: true,
  max_in_flight: 10_000,
}

export const QUEUES_PRESETS = {
  standard: { queue: QUEUE, autoCreate: true, queuesMax: 1_000 },
  'high-throughput': {
    queue: { ...QUEUE, max_size: 50_000, default_visibility_timeout_seconds: 10, default_acknowledgment_timeout_seconds: 60 },
    autoCreate: true,
    queuesMax: 5_000,
  },
  reliable: {
    queue: { ...QUEUE, default_visibility_timeout_seconds: 60, default_acknowledgment_timeout_seconds: 600 },
    autoCreate: false,
    queuesMax: 1_000,
  },
} as const satisfies Record<string, QueuesConfig>

/** Longer than any deadline that makes sense, and short enough to count in milliseconds. */
const SECONDS_MAX = 10 * 365 * 86_400
const COUNT_MAX = 10_000_000

type Check = (value: unknown) => boolean
interface Rule {
  readonly holds: Check
  readonly wanted: string
}

const isNumber = (value: unknown, min: number, max: number): value is number => typeof value === 'number' && value >= min && value <= max
const seconds: Rule = { holds: (value) => isNumber(value, 0, SECONDS_MAX), wanted: 'a number of seconds, 0 or more' }
const positiveSeconds: Rule = { holds: (value) => isNumber(value, 0.001, SECONDS_MAX), wanted: 'a number of seconds above 0' }
const countFrom = (min: number): Rule => ({
  holds: (value) => Number.isInteger(value) && isNumber(value, min, COUNT_MAX),
  wanted: `a whole number from ${min} to ${COUNT_MAX}`,
})
const flag: Rule = { holds: (value) => typeof value === 'boolean', wanted: 'true or false' }
const orNull = ({ holds, wanted }: Rule): Rule => ({ holds: (value) => value === null || holds(value), wanted: `${wanted}, or null` })
const wordOf = (words: readonly string[]): Rule => ({
  holds: (value) => words.includes(value as string),
  wanted: `one of ${words.join(', ')}`,
})
const anyInteger: Rule = { holds: (value) => Number.isSafeInteger(value), wanted: 'a whole number' }
const textMap: Rule = {
  holds: (value) => typeof value === 'object' && value !== null && Object.values(value).every((member) => typeof member === 'string'),
  wanted: 'an object of texts',
}

const CONFIG_RULES: { readonly [K in keyof QueueConfig]: Rule } = {
  queue_type: wordOf(QUEUE_TYPES),
  max_size: countFrom(1),
  default_visibility_timeout_seconds: positiveSeconds,
  default_acknowledgment_timeout_seconds: positiveSeconds,
  message_ttl_seconds: orNull(positiveSeconds),
  enable_dead_letter_queue: flag,
  dead_letter_max_receives: orNull(countFrom(1)),
  dead_letters_max: countFrom(1),
  enable_deduplication: flag,
  deduplication_window_seconds: positiveSeconds,
  max_retries: countFrom(0),
  retry_backoff_seconds: seconds,
  retry_backoff_max_seconds: seconds,
  hold_without_subscribers: flag,
  max_in_flight: countFrom(1),
}

const OPTION_RULES: { readonly [K in keyof ConcreteQueueOptions]: Rule } = {
  priority: anyInteger,
  delay_seconds: seconds,
  visibility_timeout_seconds: positiveSeconds,
  max_retries: countFrom(0),
  acknowledgment_timeout_seconds: positiveSeconds,
  required_acknowledgments: countFrom(1),
  headers: textMap,
}

/** The configuration of a queue that is made with `given`. @throws QueueOptionError for a wrong value, UnknownQueueOptionError */
export function queueConfig(name: string, given: Readonly<Record<string, unknown>>, defaults: QueueConfig): QueueConfig {
  const where = `queue ${name}`
  const config: Record<string, unknown> = { ...defaults }
  for (const [option, value] of Object.entries(given)) {
    const rule = Object.hasOwn(CONFIG_RULES, option) ? CONFIG_RULES[option as keyof QueueConfig] : undefined
    if (rule === undefined) throw new UnknownQueueOptionError(where, option, Object.keys(CONFIG_RULES))
    // A null where it means nothing is the default, as everywhere.
    if (value === undefined || (value === null && !rule.holds(null))) continue
    if (!rule.holds(value)) throw new QueueOptionError(where, option, value, rule.wanted)
    config[option] = value
  }
  return config as unknown as QueueConfig
}

/** What holds for messages whose sender asks for nothing. */
export function defaultOptions(config: QueueConfig): ConcreteQueueOptions {
  return {
    priority: 0,
    delay_seconds: 0,
    visibility_timeout_seconds: config.default_visibility_timeout_seconds,
    max_retries: config.max_retries,
    acknowledgment_timeout_seconds: config.default_acknowledgment_timeout_seconds,
    required_acknowledgments: 1,
    headers: NO_HEADERS,
  }
}

/** What holds for a message that is sent with `given`; the defaults themselves if it asks for nothing. @throws QueueOptionError */
export function sendOptions(name: string, given: QueueSendOptions, defaults: ConcreteQueueOptions): ConcreteQueueOptions {
  let asked: Record<string, unknown> | undefined
  for (const option in given) {
    const value = given[option as keyof QueueSendOptions]
    if (value === undefined || value === null) continue
    const rule = Object.hasOwn(OPTION_RULES, option) ? OPTION_RULES[option as keyof ConcreteQueueOptions] : undefined
    const where = `message for queue ${name}`
    if (rule === undefined) throw new UnknownQueueOptionError(where, option, Object.keys(OPTION_RULES))
    if (!rule.holds(value)) throw new QueueOptionError(where, option, value, rule.wanted)
    asked ??= { ...defaults }
    asked[option] = value
  }
  return (asked as unknown as ConcreteQueueOptions | undefined) ?? defaults
}

/** Of an id that a sender gives a message. */
const ID_CHARACTERS_MAX = 128

export function isMessageId(given: unknown): given is string {
  return typeof given === 'string' && given.length <= ID_CHARACTERS_MAX && /^[!-~]+$/.test(given)
}

/** @throws QueueOptionError */
export function checkMessageId(name: string, given: string): string {
  if (isMessageId(given)) return given
  throw new QueueOptionError(`message for queue ${name}`, 'message_id', given, `1 to ${ID_CHARACTERS_MAX} visible ASCII characters`)
}

const NO_HEADERS: Readonly<Record<string, string>> = {}

/** What others should know of a queue to send to it: texts, as metadata of the catalog are. */
export function announcedConfig(config: QueueConfig): Readonly<Record<string, string>> {
  return Object.fromEntries(ANNOUNCED.map((option) => [option, String(config[option])]))
}

/** The configuration as far as a queue of another node announces it, the protocol's defaults for the rest: what senders fill in there. */
export function configFrom(metadata: QueueEntry['metadata'] | undefined): QueueConfig {
  const config: Record<string, unknown> = { ...QUEUE }
  for (const option of DEFAULTS_ANNOUNCED) {
    const value = metadata?.[option] === undefined ? Number.NaN : Number(metadata[option])
    if (CONFIG_RULES[option].holds(value)) config[option] = value
  }
  return config as unknown as QueueConfig
}

const DEFAULTS_ANNOUNCED = ['default_visibility_timeout_seconds', 'default_acknowledgment_timeout_seconds', 'max_retries'] as const
const ANNOUNCED = ['queue_type', 'max_size', ...DEFAULTS_ANNOUNCED] as const

/** @throws QueueOptionError for one that queues do not give, `exactly_once` among them */
export function checkGuarantee(name: string, given: unknown): QueueMessageGuarantee {
  if (QUEUE_MESSAGE_GUARANTEES.includes(given as QueueMessageGuarantee)) return given as QueueMessageGuarantee
  throw new QueueOptionError(`message for queue ${name}`, 'delivery_guarantee', given, `one of ${QUEUE_MESSAGE_GUARANTEES.join(', ')}`)
}
