import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createAccess, DEFAULT_ACCESS, originAllowed, parseTokenFile, refusalResponse } from './access.ts'
import type { AccessRequest } from './transport.ts'

function request(headers: Record<string, string> = {}, rest: Partial<AccessRequest> = {}): AccessRequest {
  return { remoteAddress: '10.0.0.9', headers, path: '/', ...rest }
}

const env = createVirtualEnv({ seed: 1 })

describe('origin check', () => {
  it.each([
    [undefined, true],
    ['http://localhost', true],
    ['http://localhost:3000', true],
    ['https://localhost:3000', true],
    ['http://127.0.0.1:8080', true],
    ['http://127.8.9.10', true],
    ['http://[::1]:99', true],
    ['https://evil.example', false],
    ['http://localhost.evil.example', false],
    ['http://127.0.0.1.evil.example', false],
    ['http://[::2]', false],
    ['null', false],
    ['', false],
    ['file:///etc/passwd', false],
    ['ftp://localhost', false],
    ['chrome-extension://abc', false],
  ])('of %s by default: %s', (origin, allowed) => {
    expect(originAllowed(origin, [])).toBe(allowed)
    const verdict = DEFAULT_ACCESS.check(request(origin === undefined ? {} : { origin }))
    expect('status' in verdict ? verdict.status : verdict.method).toBe(allowed ? 'none' : 403)
  })

  it('lets in listed origins exactly, and everybody on request', () => {
    const access = createAccess(env, { allowedOrigins: ['https://App.example/', 'https://app.example:8443'] })
    const status = (origin: string) => (access.check(request({ origin })) as { status?: number }).status
    expect(status('https://app.example')).toBeUndefined()
    expect(status('https://app.example:8443')).toBeUndefined()
    expect(status('http://app.example')).toBe(403)
    expect(status('https://app.example:9')).toBe(403)
    expect(status('http://localhost:1')).toBeUndefined()
    expect(originAllowed('https://anybody.example', ['*'])).toBe(true)
    expect(access.snapshot()).toMatchObject({ admitted: 3, refusedOrigin: 2 })
    expect(() => createAccess(env, { allowedOrigins: ['app.example'] })).toThrow('Not an origin: app.example')
  })
})

describe('credential check', () => {
  const access = createAccess(env, { tokens: { alice: 'tok-a', bob: 'tok-b' }, apiKeys: { robot: 'key-r' } })

  it.each<[string, AccessRequest, object]>([
    ['a bearer token', request({ authorization: 'Bearer tok-b' }), { method: 'bearer', name: 'bob' }],
    ['a scheme in any case', request({ authorization: 'bEARER   tok-a' }), { method: 'bearer', name: 'alice' }],
    ['an API key', request({ 'x-api-key': ' key-r ' }), { method: 'api-key', name: 'robot' }],
    ['a right key beside a wrong token', request({ authorization: 'Bearer no', 'x-api-key': 'key-r' }), { name: 'robot' }],
    ['a token in the query', request({}, { path: '/x?y=1&access_token=tok-a' }), { method: 'bearer', name: 'alice' }],
    ['a verified client certificate', request({}, { clientCertificate: 'node-1' }), { method: 'client-cert', name: 'node-1' }],
  ])('admits %s and says whose it is', (_name, asked, identity) => {
    expect(access.check(asked)).toMatchObject(identity)
  })

  it.each<[string, AccessRequest]>([
    ['nothing', request()],
    ['a wrong token', request({ authorization: 'Bearer tok-c' })],
    ['another scheme', request({ authorization: 'Basic tok-a' })],
    ['no scheme', request({ authorization: 'tok-a' })],
    ['a token as key', request({ 'x-api-key': 'tok-a' })],
    ['a key as token', request({ authorization: 'Bearer key-r' })],
    ['an empty token', request({ authorization: 'Bearer ' })],
    ['an empty query token', request({}, { path: '/?access_token=' })],
  ])('refuses %s with 401', (_name, asked) => {
    expect(access.check(asked)).toMatchObject({ status: 401 })
  })

  it('refuses a foreign page even with a token', () => {
    expect(access.check(request({ origin: 'https://evil.example', authorization: 'Bearer tok-a' }))).toMatchObject({ status: 403 })
  })

  it('asks for nothing when nothing is configured', () => {
    const open = createAccess(env, {})
    expect(open.credentialsRequired).toBe(false)
    expect(open.check(request({ authorization: 'Bearer whatever' }))).toEqual({ method: 'none' })
  })

  it('accepts nothing but certificates when they are required', () => {
    const strict = createAccess(env, { tokens: { a: 'tok' }, requireClientCertificate: true })
    expect(strict.check(request({ authorization: 'Bearer tok' }))).toMatchObject({ status: 401 })
    expect(strict.check(request({}, { clientCertificate: 'x' }))).toMatchObject({ method: 'client-cert' })
  })

  it('shows names, never secrets', () => {
    expect(JSON.stringify(access.snapshot())).not.toMatch(/tok-|key-/)
    expect(access.snapshot()).toMatchObject({ credentialsRequired: true, tokens: ['alice', 'bob'], apiKeys: ['robot'] })
  })
})

describe('token file', () => {
  let directory: string
  let file: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mpreg-tokens-'))
    file = join(directory, 'tokens')
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('holds one name and token a line', () => {
    expect(parseTokenFile('# people\nalice: tok:with:colons \r\n\n bob:b\n', 'f')).toEqual([
      ['alice', 'tok:with:colons'],
      ['bob', 'b'],
    ])
  })

  it.each([
    ['just-a-secret', 'f line 1: expected name:token'],
    ['a:1\n:secret', 'f line 2: expected name:token'],
    ['a:', 'f line 1: expected name:token'],
    ['a:1\na:2', 'f line 2: the name a is used twice'],
  ])('that is broken is refused without quoting it: %j', (text, message) => {
    expect(() => parseTokenFile(text, 'f')).toThrow(message)
  })

  it('changes take effect without restart; a broken change keeps the old tokens', async () => {
    writeFileSync(file, 'alice:one\n')
    const access = createAccess(env, { tokenFile: file })
    const admitted = (token: string) => 'method' in access.check(request({ authorization: `Bearer ${token}` }))
    expect(admitted('one')).toBe(true)
    writeFileSync(file, 'alice:two\n')
    expect(await access.reload()).toBe(true)
    expect([admitted('one'), admitted('two')]).toEqual([false, true])
    writeFileSync(file, 'broken')
    expect(await access.reload()).toBe(false)
    expect(admitted('two')).toBe(true)
    access.close()
  })

  it('emptied or missing does not open the door', async () => {
    writeFileSync(file, '')
    const access = createAccess(env, { tokenFile: file })
    expect(access.check(request())).toMatchObject({ status: 401 })
    rmSync(file)
    expect(await access.reload()).toBe(false)
    expect(access.check(request())).toMatchObject({ status: 401 })
    access.close()
    expect(() => createAccess(env, { tokenFile: file })).toThrow(`Cannot read the token file ${file}`)
  })
})

describe('refusal', () => {
  it('is a whole HTTP answer, with a challenge for 401', () => {
    expect(refusalResponse(401, 'Credential required')).toMatch(
      /^HTTP\/1\.1 401 Unauthorized\r\n.*WWW-Authenticate: Bearer.*\r\n\r\nCredential required\n$/s,
    )
    expect(refusalResponse(403, 'no')).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n(?!.*WWW-Authenticate).*Content-Length: 3\r\n\r\nno\n$/s)
  })
})
