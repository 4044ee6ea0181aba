import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Connection, createAccess, createSocketNetwork, type Listener, type ListenOptions } from '../../src/transport/index.ts'
import { Recorder } from './cases.ts'
import { recordedEnv } from './environment.ts'
import { CertificateDirectory, mintCertificate } from './mint-certificate.ts'
import { RawSocket } from './raw-socket.ts'

const env = recordedEnv()
const network = createSocketNetwork({ env })
const files = new CertificateDirectory()
afterAll(() => files[Symbol.dispose]())

const ca = mintCertificate({ name: 'test CA', isCa: true })
const caFile = files.write('ca.crt', ca.certPem)
const server = files.add('server', mintCertificate({ name: 'server', issuer: ca }))
const client = files.add('client', mintCertificate({ name: 'node-7', issuer: ca }))
const stranger = files.add('stranger', mintCertificate({ name: 'stranger' }))

let listener: Listener | undefined
afterEach(async () => {
  await listener?.close()
  listener = undefined
})

async function listen(
  options: Partial<ListenOptions> & Pick<ListenOptions, 'protocol'>,
  accept?: (connection: Connection) => void,
): Promise<Listener> {
  listener = await network.listen({ host: '127.0.0.1', port: 0, ...options }, (connection) => {
    new Recorder(connection, (text) => connection.send(text))
    accept?.(connection)
  })
  return listener
}

/** The common name of the certificate a port shows. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const name = socket.getPeerCertificate().subject.CN
      socket.destroy()
      resolve(String(name))
    })
    socket.once('error', reject)
  })
}

describe.each(['wss', 'tcps'] as const)('%s', (protocol) => {
  it('wire check 7: a listener without certificate refuses to start', async () => {
    await expect(listen({ protocol })).rejects.toMatchObject({ name: 'CertificateError', message: expect.stringContaining(protocol) })
    await expect(listen({ protocol, tls: { caFile } })).rejects.toMatchObject({ name: 'CertificateError' })
  })

  it('wire check 7: a verifying client with the CA connects', async () => {
    const { url } = await listen({ protocol, tls: server })
    const near = new Recorder(await network.dial(url, { tls: { caFile } }))
    near.connection.send('secret')
    await near.arrived(1)
    expect(near.messages).toEqual(['secret'])
    expect(near.connection.protocol).toBe(protocol)
    near.connection.close()
  })

  it('wire check 7: giving up verification does not give up TLS', async () => {
    const { url, port } = await listen({ protocol, tls: stranger })
    const near = new Recorder(await network.dial(url, { tls: { verify: false } }))
    near.connection.send('secret')
    await near.arrived(1)
    near.connection.close()
    using raw = await RawSocket.connect(port)
    raw.write('00000004 50494e47')
    await raw.closed()
    // A TLS alert (content type 21) or nothing at all, but no answer in the clear.
    expect([undefined, 21]).toContain(raw.received[0])
  })

  it('a verifying client refuses an unknown issuer, a wrong name and an expired certificate', async () => {
    const wrongName = files.add('wrong', mintCertificate({ name: 'wrong', issuer: ca, dnsNames: ['elsewhere.example'] }))
    const expired = files.add('expired', mintCertificate({ name: 'old', issuer: ca, notAfter: new Date(Date.now() - 1000) }))
    for (const [tls, host] of [
      [stranger, '127.0.0.1'],
      [wrongName, 'localhost'],
      [expired, '127.0.0.1'],
    ] as const) {
      const { port } = await listen({ protocol, tls })
      await expect(network.dial(`${protocol}://${host}:${port}`, { tls: { caFile }, connectTimeoutMs: 5000 })).rejects.toMatchObject({
        name: 'CertificateError',
        message: expect.not.stringContaining('\n'),
      })
      await listener?.close()
    }
  })

  it('with client certificates admits who has one, by its name, and nobody else', async () => {
    const accepted: Connection[] = []
    const { url } = await listen({ protocol, tls: { ...server, caFile, verify: true } }, (connection) => accepted.push(connection))
    const near = new Recorder(await network.dial(url, { tls: { ...client, caFile } }))
    near.connection.send('hello')
    await near.arrived(1)
    expect(accepted.map((connection) => connection.identity)).toEqual([{ method: 'none' }])
    near.connection.close()
    for (const tls of [{ caFile }, { ...stranger, caFile }]) {
      const outcome = await network.dial(url, { tls }).then(
        (connection) => new Recorder(connection).closed.then((info) => info.error ?? info),
        (error: Error) => error,
      )
      expect(outcome).toBeDefined()
    }
    expect(accepted).toHaveLength(1)
  })

  it('turns the client certificate into an identity when access is checked', async () => {
    const accepted: Connection[] = []
    const access = createAccess(env, { requireClientCertificate: true })
    const { url } = await listen({ protocol, access, tls: { ...server, caFile, verify: true } }, (connection) => accepted.push(connection))
    const near = new Recorder(await network.dial(url, { tls: { ...client, caFile } }))
    near.connection.send('hello')
    await near.arrived(1)
    expect(accepted[0]?.identity).toEqual({ method: 'client-cert', name: 'node-7' })
    near.connection.close()
  })

  it('takes new certificates without restart, and keeps the old ones when the new are broken', async () => {
    const own = files.add(`own-${protocol}`, mintCertificate({ name: 'first', issuer: ca }))
    const { port } = await listen({ protocol, tls: own })
    expect(await shownName(port)).toBe('first')
    files.write(`own-${protocol}.crt`, 'broken')
    expect(await listener?.reloadCertificates()).toBe(false)
    expect(env.lines.at(-1)).toMatch(/^ERROR Certificate not reloaded, the old one stays in use: [^\n]*$/)
    expect(await shownName(port)).toBe('first')
    files.add(`own-${protocol}`, mintCertificate({ name: 'second', issuer: ca }))
    expect(await listener?.reloadCertificates()).toBe(true)
    expect(await shownName(port)).toBe('second')
  })

  it('names files it can not use', async () => {
    await expect(listen({ protocol, tls: { certFile: '/nowhere.crt', keyFile: '/nowhere.key' } })).rejects.toThrow(
      /^Cannot read the .* file \/nowhere/,
    )
    await expect(listen({ protocol, tls: { certFile: server.certFile, keyFile: client.keyFile } })).rejects.toMatchObject({
      name: 'CertificateError',
    })
  })
})

it('a dialer does not fall back to plain text', async () => {
  const { port } = await listen({ protocol: 'tcp' })
  await expect(network.dial(`tcps://127.0.0.1:${port}`, { tls: { verify: false }, connectTimeoutMs: 500 })).rejects.toThrow()
})
