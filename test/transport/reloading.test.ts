import { afterAll, expect, it } from 'vitest'
import { createVirtualEnv } from '../../src/base/index.ts'
import { createTransportContext } from '../../src/transport/context.ts'
import { createAccess } from '../../src/transport/index.ts'
import { watchCertificates } from '../../src/transport/tls.ts'
import { CertificateDirectory, mintCertificate } from './mint-certificate.ts'

const files = new CertificateDirectory()
afterAll(() => files[Symbol.dispose]())

/** Lets virtual time pass, and real file operations with it, until something has come true. */
async function passTimeUntil(env: { advance(ms: number): Promise<void> }, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await env.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

it('changed certificate files are noticed without being asked to look', async () => {
  const env = createVirtualEnv({ seed: 1 })
  const own = files.add('own', mintCertificate({ name: 'first' }))
  const applied: (string | undefined)[] = []
  const reloader = watchCertificates(createTransportContext(env), own, (material) => applied.push(material.cert))
  await reloader.reload()
  const second = mintCertificate({ name: 'second' })
  files.add('own', second)
  await passTimeUntil(env, () => applied.at(-1) === second.certPem)
  reloader.stop()
  expect(env.pendingTimers).toBe(0)
})

it('a changed token file is noticed without being asked to look', async () => {
  const env = createVirtualEnv({ seed: 1 })
  const access = createAccess(env, { tokenFile: files.write('tokens', 'alice:one') })
  files.write('tokens', 'bob:two')
  const admitted = () => 'method' in access.check({ remoteAddress: '', headers: { authorization: 'Bearer two' }, path: '/' })
  expect(admitted()).toBe(false)
  await passTimeUntil(env, admitted)
  access.close()
  expect(env.pendingTimers).toBe(0)
})
