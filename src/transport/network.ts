/**
 * The real network: one object per process that listens and dials, whatever the scheme.
 */

import type { Env } from '../base/index.ts'
import { createTransportContext, type TransportCounters } from './context.ts'
import { dialTcp, listenTcp } from './tcp.ts'
import type { Connection, DialOptions, Limits, Listener, ListenOptions, Network } from './transport.ts'
import { parseDialUrl } from './url.ts'
import { dialWebSocket, listenWebSocket } from './websocket.ts'

export interface NetworkSnapshot extends Readonly<TransportCounters> {
  readonly listeners: readonly { readonly url: string; readonly connections: number; readonly connectionsTotal: number }[]
  /** Open connections this process dialed. */
  readonly dialedOpen: number
  /** Bytes waiting in the outbound buffers of all dialed connections. */
  readonly dialedBufferedBytes: number
}

export interface SocketNetwork extends Network {
  snapshot(): NetworkSnapshot
}

export interface SocketNetworkOptions {
  readonly env: Env
  /** Defaults for every listener and dial. */
  readonly limits?: Partial<Limits>
}

export function createSocketNetwork(options: SocketNetworkOptions): SocketNetwork {
  const context = createTransportContext(options.env, options.limits)
  const listeners = new Set<Listener>()
  const dialed = new Set<Connection>()

  function onGone(connection: Connection): void {
    dialed.delete(connection)
  }

  return {
    async listen(listenOptions: ListenOptions, accept: (connection: Connection) => void): Promise<Listener> {
      const { protocol } = listenOptions
      const open = protocol === 'ws' || protocol === 'wss' ? listenWebSocket : listenTcp
      const listener = await open(context, listenOptions, accept)
      const close = listener.close.bind(listener)
      listeners.add(listener)
      listener.close = () => {
        listeners.delete(listener)
        return close()
      }
      return listener
    },

    async dial(url: string, dialOptions: DialOptions = {}): Promise<Connection> {
      const target = parseDialUrl(url)
      try {
        const connection =
          target.scheme === 'ws' || target.scheme === 'wss'
            ? await dialWebSocket(context, target.url, dialOptions, onGone)
            : await dialTcp(context, target, dialOptions, onGone)
        context.counters.dialed++
        if (connection.isOpen) dialed.add(connection)
        return connection
      } catch (error) {
        context.counters.dialFailures++
        throw error
      }
    },

    snapshot() {
      let dialedBufferedBytes = 0
      for (const connection of dialed) dialedBufferedBytes += connection.bufferedBytes
      return {
        ...context.counters,
        listeners: [...listeners].map(({ url, connections, connectionsTotal }) => ({ url, connections, connectionsTotal })),
        dialedOpen: dialed.size,
        dialedBufferedBytes,
      }
    },
  }
}
