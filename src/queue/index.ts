/**
 * queue: messages that wait for a consumer and come back until one acknowledges them. A queue knows its messages, subscribers and receivers; the
 * queues of a node are made and counted together; federation sends to queues of other nodes and has theirs pushed here. Knows no sockets and
 * no clients. Start at queue.ts, then queues.ts and federation.ts.
 */
export { announcedConfig, QUEUES_PRESETS, type QueuesConfig } from './config.ts'
export { createQueueFederation, type QueueFederation, type QueueFederationSnapshot, type RemoteSendInit } from './federation.ts'
export type { GlobalSubscriptionInit } from './global-subscriptions.ts'
export type { Queue, QueueObserver } from './queue.ts'
export { createQueues, type Queues, type QueuesSnapshot } from './queues.ts'
