import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createMemoryNetwork, createSocketNetwork, type ListenOptions } from '../../src/transport/index.ts'
import { transportCases } from './cases.ts'
import { CertificateDirectory, mintCertificate } from './mint-certificate.ts'

const env = createRealEnv({ log: silentLog })
const ca = mintCertificate({ name: 'test CA', isCa: true })
const server = mintCertificate({ name: 'server', issuer: ca })

for (const protocol of ['ws', 'wss', 'tcp', 'tcps'] as const) {
  transportCases(protocol, async (limits) => {
    const network = createSocketNetwork({ env, ...(limits === undefined ? {} : { limits }) })
    const listen: ListenOptions = { protocol, host: '127.0.0.1', port: 0 }
    if (!protocol.endsWith('s') || protocol === 'ws') return { network, listen, dial: {} }
    const files = new CertificateDirectory()
    return {
      network,
      listen: { ...listen, tls: files.add('server', server) },
      dial: { tls: { caFile: files.write('ca.crt', ca.certPem) } },
      close: () => files[Symbol.dispose](),
    }
  })
}

transportCases('memory', async (limits) => ({
  network: createMemoryNetwork({ env, ...(limits === undefined ? {} : { limits }) }),
  listen: { protocol: 'ws', host: 'memory', port: 0 },
  dial: {},
}))
