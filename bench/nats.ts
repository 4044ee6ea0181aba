/** A NATS broker for the run, when the program is installed (Debian: `apt-get install nats-server`). */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './free-port.ts'

export interface NatsBroker {
  readonly url: string
  stop(): Promise<void>
}

/** Undefined when there is no `nats-server` on the search path. */
export async function startNatsBroker(): Promise<NatsBroker | undefined> {
  const [port] = await freePorts(1)
  const broker = spawn('nats-server', ['--addr', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => {
    broker.once('exit', () => resolve())
    broker.once('error', () => resolve())
  })
  let ended = false
  void gone.then(() => {
    ended = true
  })
  while (!(await accepts(port as number))) {
    if (ended) return undefined
    await sleep(50)
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    stop() {
      broker.kill('SIGTERM')
      return gone
    },
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
