import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { parseStrictRequests } from '../support/strict-request-parser.js'
import type { Subject } from '../support/subject.js'
import type { Http11Case } from './http11-evaluator.js'
import { LENIENT_HEADS } from './http11-known-failures.js'
import { runCase } from './http11-runner.js'

const file = new URL('../fixtures/http11/cases.json', import.meta.url)

/** The recorded cases of Http11Probe. */
export const { cases: HTTP11_CASES } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly cases: readonly Http11Case[]
}

/**
 * Plays one case, and checks what the application saw and what the client was told.
 * @param isUws the acceptor of the subject is built on uWebSockets.js
 * @param isKnown the case stands among the known failures: then it has to fail
 */
export async function checkCase(
  testCase: Http11Case,
  subject: Subject,
  { isUws, isKnown }: { readonly isUws: boolean; readonly isKnown: boolean },
): Promise<void> {
  subject.reset()
  const outcome = await runCase(testCase, subject)
  const strict = parseStrictRequests(outcome.sent)

  // What the application saw, whatever the client was told.
  expect(subject.problems()).toEqual([])
  const seen = subject.seen.map(({ method, target }) => `${method} ${target}`)
  const isLenient = isUws && LENIENT_HEADS.has(testCase.id)
  const wanted = isLenient ? ['GET /'] : strict.requests.map(({ method, target }) => `${method} ${target}`)
  expect(seen).toEqual(wanted.slice(0, seen.length))

  // What the client was told.
  expect(outcome.problem).toBeNull()
  const story = `${outcome.verdict} (${testCase.expected}): ${outcome.steps
    .map(({ status, state }) => `${status ?? 'nothing'}, ${state}`)
    .join('; ')}`
  if (isKnown) expect(story, 'listed as a known failure').toMatch(/^F/)
  else expect(story).toMatch(/^[PW]/)
}
