/** Why a name has no address: nobody answered in time, or the answer was that there is none. */
export type DnsFailure = 'timeout' | 'error'

/** A name that could not be resolved. `dns_timeout` or `dns_error` for a session (RFC 9209 §2.3.1, §2.3.2; A3). */
export class NameNotResolved extends Error {
  override readonly name = 'NameNotResolved'
  readonly failure: DnsFailure
  /** Of the resolver: `ENOTFOUND`, `ESERVFAIL`, `ETIMEOUT` ... */
  readonly code: string

  constructor(host: string, code: string, cause?: unknown) {
    const failure = TIMEOUTS.has(code) ? 'timeout' : 'error'
    super(
      failure === 'timeout'
        ? `no answer for ${host} in time`
        : `${host}: ${MEANINGS[code] ?? 'failed'} (${code})`,
      cause === undefined ? undefined : { cause },
    )
    this.failure = failure
    this.code = code
  }
}

/** A lookup is cancelled only by its deadline. */
const TIMEOUTS: ReadonlySet<string> = new Set(['ETIMEOUT', 'ECANCELLED'])

const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no address',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused the query',
  ECONNREFUSED: 'no name server can be reached',
  EBADRESP: 'the name server sent nonsense',
  EFORMERR: 'the name server did not understand the query',
  ENOTIMP: 'the name server does not answer such queries',
  EAI_AGAIN: 'the system could not resolve it for the time being',
}
