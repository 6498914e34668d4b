import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { readTls } from './read-tls.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { DownstreamTlsConfig } from './types.js'

/** A certificate that ends sooner is warned of. */
const SOON_DAYS = 21
const DAY_MS = 86_400_000
const PLAIN = { verify: true, minVersion: 'TLSv1.2' } as const

/** Reads and checks the files of `tls`: existing, PEM, key and certificate belong together, in date, and OpenSSL takes them. */
export function resolveTls(parsed: ParsedConfig, context: ResolveContext): DownstreamTlsConfig | undefined {
  const { tls } = parsed
  if (tls === undefined) return undefined
  const certificates = tls.certificates.map(({ cert, key, hosts }, index) => {
    const path = ['tls', 'certificates', index]
    const { pem } = readTls({ ...PLAIN, cert, key }, path, context)
    const text = pem.cert ?? ''
    warnOfEnd(text, path, context)
    return {
      cert: text,
      key: pem.key ?? '',
      hosts: hosts?.map((host) => host.toLowerCase()) ?? namesIn(text),
    }
  })
  const { clientAuth, ciphers, minVersion, redirect, hsts } = tls
  const ca =
    clientAuth === undefined
      ? ''
      : (readTls({ ...PLAIN, ca: clientAuth.ca }, ['tls', 'clientAuth'], context).pem.ca ?? '')
  if (ciphers !== undefined) {
    try {
      createSecureContext({ ciphers })
    } catch {
      context.report('invalid-value', ['tls', 'ciphers'], `OpenSSL knows no cipher suites '${ciphers}'`)
    }
  }
  if (minVersion === 'TLSv1.3' && parsed.acceptor !== 'node') {
    const hint = "write 'acceptor: node', or leave TLS 1.2 allowed"
    context.report('invalid-value', ['tls', 'minVersion'], 'the acceptor `uws` speaks TLS 1.2 in any case', {
      hint,
    })
  }
  return {
    certificates,
    minVersion,
    ciphers: ciphers ?? null,
    clientAuth: clientAuth === undefined ? null : { ca, required: clientAuth.mode === 'require' },
    redirect: redirect ?? null,
    files: [
      ...tls.certificates.flatMap(({ cert, key }) => [cert, key]),
      ...(clientAuth === undefined ? [] : [clientAuth.ca]),
    ].map((file) => resolve(context.baseFolder, file)),
    hsts: hsts === undefined ? '' : hstsValue(hsts),
  }
}

function hstsValue({
  maxAge,
  includeSubDomains,
  preload,
}: NonNullable<NonNullable<ParsedConfig['tls']>['hsts']>): string {
  const parts = [`max-age=${Math.floor(maxAge / 1000)}`]
  if (includeSubDomains) parts.push('includeSubDomains')
  if (preload) parts.push('preload')
  return parts.join('; ')
}

/** DNS names of the certificate. */
function namesIn(pem: string): string[] {
  const names = read(pem)?.subjectAltName?.split(', ') ?? []
  return names.flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4).toLowerCase()] : []))
}

function warnOfEnd(pem: string, path: readonly (string | number)[], context: ResolveContext): void {
  const certificate = read(pem)
  if (certificate === null) return
  const leftMs = Date.parse(certificate.validTo) - Date.now()
  if (leftMs <= 0 || leftMs > SOON_DAYS * DAY_MS) return
  const message = `the certificate ends in ${Math.floor(leftMs / DAY_MS)} days, on ${certificate.validTo}`
  context.report('expired-certificate', [...path, 'cert'], message, { severity: 'warning' })
}

function read(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}
