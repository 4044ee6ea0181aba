import { describe, expect, it } from 'vitest'
import { type AccessOptions, type AccessRequest, createAccess, isLoopback } from './access.ts'

const local = { host: '127.0.0.1', token: 'secret', tokenRequired: true, allowedOrigins: [] }
const asked: AccessRequest = { method: 'GET', path: '/health', host: '127.0.0.1:50000', authorization: undefined }

function statusOf(options: Partial<AccessOptions>, request: Partial<AccessRequest>): number {
  try {
    createAccess({ ...local, ...options }).admit({ ...asked, ...request })
    return 200
  } catch (error) {
    return (error as { status: number }).status
  }
}

describe('access to the monitoring service', () => {
  it('lets anybody on this machine read', () => {
    expect(statusOf({}, {})).toBe(200)
    expect(statusOf({}, { method: 'HEAD' })).toBe(200)
  })

  it.each([undefined, '', 'secret', 'Bearer', 'Bearer ', 'Bearer secre', 'Bearer secret2', 'Bearer SECRET', 'Basic secret'])(
    'does not take %j for the token',
    (authorization) => {
      expect(statusOf({}, { method: 'POST', authorization })).toBe(401)
      expect(statusOf({ host: '0.0.0.0' }, { authorization })).toBe(401)
    },
  )

  it('answers web pages of this machine, of allowed origins, and those that show the token', () => {
    const page = (origin: string, options: Partial<AccessOptions> = {}) => statusOf(options, { origin })
    expect(
      ['http://localhost:3000', 'http://127.0.0.1:8080', 'http://[::1]:1', 'http://ui.localhost'].map((origin) => page(origin)),
    ).toEqual([200, 200, 200, 200])
    expect(['https://evil.example', 'null', 'http://localhost.evil.example'].map((origin) => page(origin))).toEqual([403, 403, 403])
    expect(page('https://ops.example', { allowedOrigins: ['https://ops.example'] })).toBe(200)
    expect(page('https://evil.example', { allowedOrigins: ['https://ops.example'] })).toBe(403)
    expect(page('https://evil.example', { allowedOrigins: ['*'] })).toBe(200)
    expect(statusOf({}, { origin: 'https://evil.example', authorization: 'Bearer secret' })).toBe(200)
    // Switching tokens off opens the service to this machine's programs, not to the pages somebody looks at.
    expect(page('https://evil.example', { tokenRequired: false })).toBe(403)
  })

  it('takes the token wherever one is needed', () => {
    for (const authorization of ['Bearer secret', 'bearer  secret ']) {
      expect(statusOf({}, { method: 'POST', authorization })).toBe(200)
      expect(statusOf({ host: '10.0.0.1' }, { method: 'DELETE', authorization })).toBe(200)
    }
  })

  it('refuses what needs a token while the node has none', () => {
    expect(statusOf({ token: null }, { method: 'POST', authorization: 'Bearer ' })).toBe(403)
    expect(statusOf({ token: null, host: '::' }, {})).toBe(403)
  })

  it('asks nobody when tokens are switched off', () => {
    expect(statusOf({ tokenRequired: false, host: '0.0.0.0' }, { method: 'POST' })).toBe(200)
  })

  it('answers probes and preflights without one', () => {
    expect(statusOf({ host: '0.0.0.0' }, { path: '/readyz' })).toBe(200)
    expect(statusOf({ host: '0.0.0.0' }, { method: 'OPTIONS', path: '/alerts/acknowledge' })).toBe(200)
  })

  it.each(['evil.example', 'evil.example:50000', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'does not answer a page that calls this machine %s',
    (host) => {
      expect(statusOf({}, { host })).toBe(403)
      expect(statusOf({}, { host, authorization: 'Bearer secret' })).toBe(200)
    },
  )

  it.each([undefined, 'localhost', 'localhost:1', 'node.localhost', '127.0.0.1', '[::1]:50000', '127.0.0.9:80'])(
    'knows this machine as %s',
    (host) => {
      expect(statusOf({}, { host })).toBe(200)
    },
  )

  it('does not mind the name beyond loopback, where a page could ask directly', () => {
    expect(statusOf({ host: '0.0.0.0', tokenRequired: false }, { host: 'mpreg.example' })).toBe(200)
  })
})

describe('loopback', () => {
  it('is told from everything else', () => {
    expect(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'].map(isLoopback)).toEqual([true, true, true, true, true])
    expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', ''].map(isLoopback)).toEqual([false, false, false, false, false])
  })
})
