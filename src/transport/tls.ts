/**
 * TLS for listeners and dialers: PEM files in, options for `node:tls` out.
 *
 * A secure scheme never runs unencrypted: a listener without certificate refuses to start, and `verify: false` gives up checking the
 * other side, not encryption. Certificates of a running listener are replaced when their files change; a broken replacement is logged
 * and the old one kept.
 */

import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import type { Cancel } from '../base/index.ts'
import type { TransportContext } from './context.ts'
import { CertificateError, firstLine } from './errors.ts'
import type { TlsOptions } from './transport.ts'

export const TLS_VERSION_MIN = 'TLSv1.2'

/** How often the files of a listener are looked at, ms. Renewal tools replace them days before the old ones end. */
const CERTIFICATE_POLL_MS = 10_000

/** PEM texts, proven to make a usable context. */
export interface TlsMaterial {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** Reads and proves the files. @throws CertificateError naming the file or what does not fit. */
async function loadTlsMaterial(options: TlsOptions): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    readPem(options.certFile, 'certificate'),
    readPem(options.keyFile ?? options.certFile, 'key'),
    readPem(options.caFile, 'CA'),
  ])
  const material: TlsMaterial = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  }
  try {
    createSecureContext(material)
  } catch (error) {
    throw new CertificateError(`Unusable certificate or key (${options.certFile ?? options.caFile}): ${firstLine(error)}`, { cause: error })
  }
  return material
}

export type ServerTlsOptions = SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }

/** Options of a secure listener. @throws CertificateError without certificate. */
export async function loadServerTls(protocol: string, options: TlsOptions | undefined): Promise<ServerTlsOptions> {
  if (options?.certFile === undefined) throw new CertificateError(`A ${protocol} listener needs a certificate: set certFile and keyFile`)
  if (options.verify === true && options.caFile === undefined) {
    throw new CertificateError(`A ${protocol} listener that verifies client certificates needs the CA that signed them: set caFile`)
  }
  const material = await loadTlsMaterial(options)
  const verify = options.verify === true
  return { ...material, minVersion: TLS_VERSION_MIN, requestCert: verify, rejectUnauthorized: verify }
}

export type ClientTlsOptions = SecureContextOptions & { readonly rejectUnauthorized: boolean; readonly servername: string }

/** Options of a secure dialer. SNI is the URL's host; an address literal is not a name and sends none. */
export async function loadClientTls(host: string, options: TlsOptions | undefined): Promise<ClientTlsOptions> {
  const material = options === undefined ? {} : await loadTlsMaterial(options)
  return {
    ...material,
    minVersion: TLS_VERSION_MIN,
    rejectUnauthorized: options?.verify !== false,
    servername: isIP(host) === 0 ? host : '',
  }
}

/** Common name of the verified client certificate; undefined without one. */
export function clientCertificateName(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined
  const name = socket.getPeerCertificate().subject?.CN
  return Array.isArray(name) ? name[0] : name
}

/** A typed reason when a dial failed because of a certificate; undefined when it did not. */
export function certificateErrorOf(error: unknown): CertificateError | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code !== 'string' || !CERTIFICATE_CODES.test(code)) return undefined
  return new CertificateError(`Certificate of the other side refused: ${firstLine(error)} (${code})`, { cause: error })
}

/** OpenSSL's verification results as Node spells them, and TLS alerts about our own certificate. */
const CERTIFICATE_CODES = /CERT|SIGNATURE|ISSUER|ERR_TLS|ERR_SSL|EPROTO/

export interface CertificateReloader {
  /** Looks at the files now. True when new certificates are in use. */
  reload(): Promise<boolean>
  stop(): void
}

/** Watches the files of a listener and gives it new certificates; polling, because renewal tools replace files behind links. */
export function watchCertificates(
  context: TransportContext,
  options: TlsOptions,
  apply: (material: TlsMaterial) => void,
  pollMs: number = CERTIFICATE_POLL_MS,
): CertificateReloader {
  const files = [options.certFile, options.keyFile, options.caFile].filter((file) => file !== undefined)
  let seen: string | undefined
  /** Looks take turns: one asked for must not be answered by one that began before the files changed. */
  let tail: Promise<unknown> = Promise.resolve()

  async function look(force: boolean): Promise<boolean> {
    const state = await fingerprint(files)
    const changed = seen !== undefined && state !== seen
    seen = state
    if (!changed && !force) return false
    try {
      apply(await loadTlsMaterial(options))
      context.log.info(`Certificate ${options.certFile} reloaded`)
      return true
    } catch (error) {
      context.log.error(`Certificate not reloaded, the old one stays in use: ${firstLine(error)}`)
      return false
    }
  }

  function check(force: boolean): Promise<boolean> {
    const turn = tail.then(() => look(force))
    tail = turn
    return turn
  }

  void check(false)
  const cancel: Cancel = context.env.timers.every(pollMs, () => void check(false))
  return { reload: () => check(true), stop: cancel }
}

async function fingerprint(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map((file) =>
      stat(file).then(
        (info) => `${info.ino}:${info.mtimeMs}:${info.size}`,
        () => 'missing',
      ),
    ),
  )
  return states.join(' ')
}

async function readPem(file: string | undefined, what: string): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CertificateError(`Cannot read the ${what} file ${file}: ${firstLine(error)}`, { cause: error })
  }
}
