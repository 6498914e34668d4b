import type { SubjectKind } from '../support/subjects.js'

/** Why an id stands in {@link KNOWN_FAILURES}. */
type Reasons = Readonly<Record<string, string>>

const REFUSED_505 =
  "uWS's own parser refuses it with 505 instead of 400 and closes: nothing reaches the application"
const LENIENT_CHUNK =
  'uWS decodes chunks itself and takes this for a proper one: one request goes on, re-framed, and the connection is closed'

const UWS: Reasons = {
  'RFC9112-2.2-BARE-LF-REQUEST-LINE': REFUSED_505,
  'RFC9112-3-MULTI-SP-REQUEST-LINE': REFUSED_505,
  'RFC9112-3-CR-ONLY-LINE-ENDING': REFUSED_505,
  'RFC9112-3-MISSING-TARGET': REFUSED_505,
  'RFC9112-2.3-HTTP09-REQUEST': REFUSED_505,
  'COMP-ASTERISK-WITH-GET': REFUSED_505,
  'COMP-OPTIONS-STAR': 'uWS refuses asterisk-form with 505 and closes (U8): nothing reaches the application',
  'COMP-LEADING-CRLF': 'uWS waits in silence and closes at its idle timer: nothing reaches the application',
  'COMP-METHOD-CONNECT': REFUSED_505,
  'COMP-REQUEST-LINE-TAB': REFUSED_505,
  'COMP-VERSION-MISSING-MINOR': REFUSED_505,
  'COMP-VERSION-LEADING-ZEROS': REFUSED_505,
  'COMP-VERSION-WHITESPACE': REFUSED_505,
  'COMP-HTTP10-DEFAULT-CLOSE':
    'uWS refuses HTTP/1.0 with 505 and closes (U8): documented, use the node acceptor',
  'COMP-CHUNKED-TRAILER-VALID':
    'uWS answers 505 to a trailer section and closes: the request is aborted, nothing else is executed',
  'COMP-VERSION-CASE': REFUSED_505,
  'COMP-SPACE-IN-TARGET': REFUSED_505,
  'MAL-BINARY-GARBAGE': REFUSED_505,
  'MAL-NUL-IN-URL': REFUSED_505,
  'MAL-LONG-METHOD': 'refused with 431 instead of 400, and closed: nothing reaches the application',
  'MAL-WHITESPACE-ONLY-LINE': REFUSED_505,
  'SMUG-TE-HTTP10': REFUSED_505,
  'SMUG-CHUNK-SIZE-TRAILING-OWS': LENIENT_CHUNK,
  'SMUG-CHUNK-LEADING-SP': LENIENT_CHUNK,
  'SMUG-CHUNK-MISSING-TRAILING-CRLF': LENIENT_CHUNK,
  'SMUG-CHUNK-EXT-LF':
    'uWS waits for more of the body, and the deadline for bodies closes with 408: the request is aborted',
  'SMUG-CHUNK-SPILL': LENIENT_CHUNK,
}

/**
 * Cases of `fixtures/http11/cases.json` that a subject fails, each with the reason why that is safe. The list is exact: a
 * case that fails and is not here fails the suite, and so does one that is here and passes.
 */
export const KNOWN_FAILURES: Readonly<Record<SubjectKind, Reasons>> = {
  node: {},
  uws: UWS,
  'gateway-node': {},
  'gateway-uws': UWS,
}

/** Cases in which uWS hands over one request that a strict server refuses. */
export const LENIENT_HEADS: ReadonlySet<string> = new Set(['RFC9112-5-EMPTY-HEADER-NAME'])

/** Never more than this many of the 161 cases: what the plain servers score, node:http alone and uWS with a guard. */
export const FAILURE_CEILING: Readonly<Record<SubjectKind, number>> = {
  node: 14,
  uws: 28,
  'gateway-node': 14,
  'gateway-uws': 28,
}
