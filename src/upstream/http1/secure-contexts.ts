import { existsSync, readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { ConnectTarget, UpstreamTls } from './types.js'

/** Where systems keep the authorities that they trust, as one PEM file. */
const BUNDLES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

const contexts = new Map<string, SecureContext>()
let authorities: string | null | undefined

/**
 * The keys and authorities of a TLS identity, parsed once for each thread: identities that differ in the server name
 * alone share them.
 * @throws Error of OpenSSL when they cannot be used
 */
export function secureContextFor(tls: UpstreamTls): SecureContext {
  const { ca, cert, key, minVersion, verify } = tls
  const id = JSON.stringify([verify, ca, cert, key, minVersion])
  let context = contexts.get(id)
  if (context === undefined) {
    // Nothing is verified without: the list need not be parsed.
    const trusted = ca ?? (verify ? systemAuthorities() : null)
    context = createSecureContext({
      ...(trusted === null ? {} : { ca: trusted }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(minVersion === undefined ? {} : { minVersion }),
    })
    contexts.set(id, context)
  }
  return context
}

/** Parses what connections to these targets will need: the list of the system takes tens of milliseconds, which no request is to wait. */
export function prepareTls(targets: readonly ConnectTarget[]): void {
  for (const { tls } of targets) {
    try {
      if (tls !== undefined) secureContextFor(tls)
    } catch {
      // The connection will say what is wrong with it.
    }
  }
}

/**
 * The authorities that the system trusts: the file that `SSL_CERT_FILE` names, or else the first bundle there is, and what
 * `NODE_EXTRA_CA_CERTS` adds. Null where there is none: then those that came with Node count.
 */
function systemAuthorities(): string | null {
  if (authorities !== undefined) return authorities
  const file = process.env['SSL_CERT_FILE'] ?? BUNDLES.find((candidate) => existsSync(candidate))
  const bundle = file === undefined ? null : readOrNull(file)
  const extra = process.env['NODE_EXTRA_CA_CERTS']
  const added = extra === undefined ? null : readOrNull(extra)
  authorities = bundle === null || added === null ? bundle : `${bundle}\n${added}`
  return authorities
}

function readOrNull(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8')
    return text.includes('-----BEGIN ') ? text : null
  } catch {
    return null
  }
}
