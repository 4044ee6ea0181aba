/**
 * Mints X.509 certificates for tests: a CA, server certificates, client certificates, expired ones. Just enough DER (X.690) for
 * OpenSSL to be happy; keys are fresh each time, so no private key lives in the repository.
 */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Minted {
  readonly certPem: string
  readonly keyPem: string
  readonly key: KeyObject
  readonly name: string
}

export interface MintOptions {
  readonly name: string
  /** Signer; self-signed without. */
  readonly issuer?: Minted
  readonly isCa?: boolean
  /** DNS names the certificate is valid for; `127.0.0.1` and `::1` are always added to server certificates. */
  readonly dnsNames?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
}

export function mintCertificate(options: MintOptions): Minted {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = options.issuer ?? { name: options.name, key: privateKey }
  const dayMs = 86_400_000
  const notBefore = options.notBefore ?? new Date(Date.now() - dayMs)
  const notAfter = options.notAfter ?? new Date(Date.now() + 365 * dayMs)
  const serial = randomBytes(8)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 1
  const tbs = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    distinguishedName(issuer.name),
    sequence(generalizedTime(notBefore), generalizedTime(notAfter)),
    distinguishedName(options.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions(options))),
  )
  const certificate = sequence(tbs, ECDSA_SHA256, bitString(sign('sha256', tbs, issuer.key)))
  return {
    certPem: pem('CERTIFICATE', certificate),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    key: privateKey,
    name: options.name,
  }
}

/** A directory of PEM files that goes away with the test. */
export class CertificateDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'mpreg-certificates-'))

  write(file: string, content: string): string {
    const path = join(this.path, file)
    writeFileSync(path, content)
    return path
  }

  /** Writes both halves; returns what TLS options call them. */
  add(prefix: string, minted: Minted): { certFile: string; keyFile: string } {
    return { certFile: this.write(`${prefix}.crt`, minted.certPem), keyFile: this.write(`${prefix}.key`, minted.keyPem) }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

function extensions(options: MintOptions): Buffer[] {
  if (options.isCa === true) return [extension('551d13', sequence(Buffer.from('0101ff', 'hex')))]
  const names = (options.dnsNames ?? ['localhost']).map((name) => der(0x82, Buffer.from(name)))
  const addresses = [der(0x87, Buffer.from([127, 0, 0, 1])), der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]))]
  return [extension('551d11', sequence(...names, ...addresses))]
}

const ECDSA_SHA256 = sequence(objectId('2a8648ce3d040302'))

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(name)))))
}

function extension(oid: string, value: Buffer): Buffer {
  return sequence(objectId(oid), der(0x04, value))
}

function generalizedTime(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function integer(value: Buffer): Buffer {
  return der(0x02, value)
}

function bitString(value: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), value]))
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function tagged(number: number, content: Buffer): Buffer {
  return der(0xa0 | number, content)
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
