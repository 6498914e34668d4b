import type { GatewayConfig } from '../config/types.js'

const REDACTED = '[redacted]'

/** Keys whose values are secrets wherever they stand. */
const SECRET_KEY = /^(?:key|token|ca|cert|password|passphrase|secret|authorization|cookie|credentials?)$/i

/** Sections in which anything may be one: what filters are given, and what conditions compare with. */
const SECRET_SECTIONS: ReadonlySet<string> = new Set(['options', 'headers', 'query', 'secrets'])

/** User and password of a URL. */
const CREDENTIALS = /:\/\/[^/@\s]*@/

/** Keys of a secret section whose values only say what is meant. */
const PLAIN_KEYS: ReadonlySet<string> = new Set(['name', 'kind', 'op'])

/**
 * The effective configuration for other eyes: keys of TLS, the token, everything given to filters and what conditions compare with are
 * replaced. Names, addresses, numbers and switches stay.
 */
export function redactedConfig(config: GatewayConfig): unknown {
  return redact(config, false)
}

function redact(value: unknown, isSecret: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => redact(item, isSecret))
  if (value instanceof RegExp) return isSecret ? REDACTED : String(value)
  if (typeof value === 'string' && !isSecret) return value.replace(CREDENTIALS, '://[redacted]@')
  if (typeof value !== 'object' || value === null)
    return isSecret && value !== null && typeof value !== 'boolean' ? REDACTED : value
  const entries = Object.entries(value).map(([key, item]) => {
    const isPlain = isSecret && PLAIN_KEYS.has(key) && typeof item === 'string'
    const hides = (isSecret && !isPlain) || SECRET_SECTIONS.has(key)
    // `key: { kind: 'header', name }` says what is hashed; a text under that name is a secret.
    if (SECRET_KEY.test(key) && typeof item === 'string') return [key, REDACTED]
    return [key, redact(item, hides)]
  })
  return Object.fromEntries(entries)
}
