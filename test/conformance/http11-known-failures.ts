import type { AcceptorKind } from '../support/acceptor-under-test.js'

/**
 * Cases of `fixtures/http11/cases.json` that an acceptor fails, each with the reason why that is safe. The list is exact:
 * a case that fails and is not here fails the suite, and so does one that is here and passes.
 */
export const KNOWN_FAILURES: Readonly<Record<AcceptorKind, Readonly<Record<string, string>>>> = {
  node: {},
  uws: {},
}

/** Never more than this many of the 161 cases: what the plain servers score, node:http alone and uWS with a guard. */
export const FAILURE_CEILING: Readonly<Record<AcceptorKind, number>> = { node: 14, uws: 28 }
