import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { TlsVersion } from '../upstream/http1/types.js'
import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'

export type ParsedTls = Exclude<NonNullable<ParsedConfig['upstreams'][string]['tls']>, boolean>

type PemName = 'ca' | 'cert' | 'key'

/** TLS settings with the files read. */
export interface TlsFiles {
  readonly servername: string | null
  readonly verify: boolean
  readonly minVersion: TlsVersion | null
  readonly pem: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** TLS as `true` asks for it, and an `https://` peer without a section. */
export const PLAIN_TLS: TlsFiles = { servername: null, verify: true, minVersion: null, pem: {} }

const BLOCK = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]+-----END \1-----/g

/**
 * Reads the files of a `tls` section and tries them, so that a mistake shows at the start and not at the first request:
 * unreadable, not PEM, a key that is not that of the certificate, and whatever else OpenSSL refuses.
 */
export function readTls(parsed: ParsedTls, path: Path, context: ResolveContext): TlsFiles {
  const pem: { [name in PemName]?: string } = {}
  let isSound = true
  const problem = (name: PemName, message: string, hint: string | null = null): void => {
    isSound = false
    context.report('unreadable', [...path, name], message, { hint })
  }
  for (const name of ['ca', 'cert', 'key'] as const) {
    const file = parsed[name]
    if (file === undefined) continue
    try {
      pem[name] = readFileSync(resolve(context.baseFolder, file), 'utf8')
    } catch (error) {
      problem(name, `cannot read '${file}': ${messageOf(error)}`)
    }
  }
  const ca = pem.ca === undefined ? [] : readCertificates('ca', pem.ca, parsed, problem)
  const chain = pem.cert === undefined ? [] : readCertificates('cert', pem.cert, parsed, problem)
  const key = pem.key === undefined ? null : readKey(pem.key, parsed, problem)
  const [own] = chain
  if (own !== undefined && key !== null && !own.checkPrivateKey(key)) {
    problem('key', `'${parsed.key}' is not the key of the certificate in '${parsed.cert}'`)
  }
  if ((parsed.cert === undefined) !== (parsed.key === undefined)) {
    const [has, lacks] = parsed.cert === undefined ? (['key', 'cert'] as const) : (['cert', 'key'] as const)
    context.report('missing-key', [...path, has], `'${has}' needs '${lacks}' beside it`, { aspect: 'key' })
    isSound = false
  }
  if (own !== undefined) warnOfAge('cert', own, parsed, path, context)
  for (const authority of ca) warnOfAge('ca', authority, parsed, path, context)
  const settings = { ...pem, minVersion: parsed.minVersion }
  if (isSound && Object.keys(pem).length > 0) {
    try {
      createSecureContext(settings)
    } catch (error) {
      problem(pem.cert === undefined ? 'ca' : 'cert', `OpenSSL refuses it: ${messageOf(error)}`)
    }
  }
  const minVersion = parsed.minVersion === 'TLSv1.2' ? null : parsed.minVersion
  return { servername: parsed.servername ?? null, verify: parsed.verify, minVersion, pem }
}

type Problem = (name: PemName, message: string, hint?: string) => void

function readCertificates(
  name: 'ca' | 'cert',
  text: string,
  parsed: ParsedTls,
  problem: Problem,
): X509Certificate[] {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) {
    const isPem = text.includes('-----BEGIN ')
    problem(
      name,
      isPem ? `there is no certificate in '${parsed[name]}'` : `'${parsed[name]}' is not a PEM file`,
      isPem ? undefined : "it begins with '-----BEGIN CERTIFICATE-----'; openssl x509 -inform DER makes one",
    )
  }
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    problem(name, `a certificate in '${parsed[name]}' cannot be read: ${messageOf(error)}`)
    return []
  }
}

function readKey(text: string, parsed: ParsedTls, problem: Problem): KeyObject | null {
  if (!text.includes('-----BEGIN ')) {
    problem('key', `'${parsed.key}' is not a PEM file`)
    return null
  }
  try {
    return createPrivateKey(text)
  } catch (error) {
    const isLocked = /ENCRYPTED/.test(text)
    problem(
      'key',
      isLocked
        ? `the key in '${parsed.key}' is encrypted`
        : `there is no private key in '${parsed.key}': ${messageOf(error)}`,
      isLocked ? 'store it without a passphrase: openssl pkey -in KEY -out PLAIN' : undefined,
    )
    return null
  }
}

function warnOfAge(
  name: 'ca' | 'cert',
  certificate: X509Certificate,
  parsed: ParsedTls,
  path: Path,
  context: ResolveContext,
): void {
  const nowMs = Date.now()
  const isExpired = nowMs > Date.parse(certificate.validTo)
  if (!isExpired && nowMs >= Date.parse(certificate.validFrom)) return
  const when = isExpired
    ? `expired on ${certificate.validTo}`
    : `is not valid before ${certificate.validFrom}`
  const message = `a certificate in '${parsed[name]}' ${when}`
  context.report('expired-certificate', [...path, name], message, { severity: 'warning' })
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  // OpenSSL: `error:0680007B:asn1 encoding routines::header too long`.
  return message.replace(/^error:[0-9A-F]+:.*::/, '')
}
