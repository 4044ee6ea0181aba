/**
 * Token of a delivery to a subscriber of another node. It says itself what is acknowledged by it, so that nobody has to remember it; the id
 * of the subscription, which is part of the subscriber's name, is known to those two nodes, and to those in between.
 */
export interface DeliveryToken {
  readonly queue: string
  readonly messageId: string
  readonly subscriber: string
  readonly attempt: number
}

export function deliveryToken({ attempt, messageId, queue, subscriber }: DeliveryToken): string {
  return JSON.stringify([queue, messageId, subscriber, attempt])
}

/** Undefined for a token of another kind. */
export function readDeliveryToken(token: string): DeliveryToken | undefined {
  if (!token.startsWith('["')) return undefined
  try {
    const [queue, messageId, subscriber, attempt] = JSON.parse(token) as unknown[]
    if (typeof queue !== 'string' || typeof messageId !== 'string' || typeof subscriber !== 'string') return undefined
    return typeof attempt === 'number' ? { queue, messageId, subscriber, attempt } : undefined
  } catch {
    return undefined
  }
}

/** Which attempt the delivery is, where the token tells. */
export function attemptIn(token: string | null): number | undefined {
  return token === null ? undefined : readDeliveryToken(token)?.attempt
}
