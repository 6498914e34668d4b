import { randomBytes } from 'node:crypto'
import type { SessionContext } from '../../session/session-context.js'

/** W3C Trace Context §3.2: version, trace id, parent id, flags. */
const FORM = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/

/**
 * `traceparent` of one hop: the trace that the request came with (`context.metadata.traceparent`), or else the correlator as a trace of its
 * own, not sampled; the parent id is fresh for each hop (B-35).
 */
export function traceparent(context: SessionContext): string {
  const given = context.metadata?.['traceparent']
  const [, trace, flags] = (typeof given === 'string' ? FORM.exec(given) : null) ?? []
  const span = randomBytes(8).toString('hex')
  return `00-${trace ?? context.correlator.replaceAll('-', '')}-${span}-${flags ?? '00'}`
}
