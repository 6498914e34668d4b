import type { DnsSettings } from '../upstream/dns/types.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'

/** The section `dns` with its bounds checked against each other. */
export function resolveDns({ dns }: ParsedConfig, context: ResolveContext): DnsSettings {
  if (dns.minTtl > dns.maxTtl) {
    const path = ['dns', context.isWritten(['dns', 'minTtl']) ? 'minTtl' : 'maxTtl']
    context.report('invalid-value', path, `minTtl (${dns.minTtl}ms) is longer than maxTtl (${dns.maxTtl}ms)`)
  }
  return {
    minTtlMs: dns.minTtl,
    maxTtlMs: dns.maxTtl,
    defaultTtlMs: dns.defaultTtl,
    negativeTtlMs: dns.negativeTtl,
    staleIfErrorMs: dns.staleIfError,
    timeoutMs: dns.timeout,
    prefer: dns.prefer,
    servers: dns.servers ?? [],
  }
}
