/** Hooks around publications that clients make, for the user's own logging, authorisation and metrics. */
import type { Caller } from '../rpc/index.ts'
import type { Message } from '../wire/index.ts'

export interface PublishMiddleware {
  /** Throwing refuses the publication: its text becomes the error of the acknowledgement. */
  before?(message: Message, context: { readonly caller: Caller }): void
  after?(message: Message, context: { readonly caller: Caller; readonly deliveries: number }): void
  error?(message: Message, context: { readonly caller: Caller; readonly error: unknown }): void
}
