import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseStrictRequests } from '../support/strict-request-parser.js'
import type { Subject } from '../support/subject.js'
import { SUBJECT_KINDS, startSubject } from '../support/subjects.js'
import type { Http11Case } from './http11-evaluator.js'
import { FAILURE_CEILING, KNOWN_FAILURES, LENIENT_HEADS } from './http11-known-failures.js'
import { runCase } from './http11-runner.js'

const file = new URL('../fixtures/http11/cases.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly Http11Case[] }

describe.each(SUBJECT_KINDS)('HTTP/1.1 cases over %s', (kind) => {
  const known = KNOWN_FAILURES[kind]
  let subject: Subject

  beforeAll(async () => {
    subject = await startSubject(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each(cases.map((testCase) => [testCase.id, testCase.description, testCase] as const))(
    '%s %s',
    async (_, __, testCase) => {
      subject.reset()
      const outcome = await runCase(testCase, subject)
      const strict = parseStrictRequests(outcome.sent)

      // What the application saw, whatever the client was told.
      expect(subject.problems()).toEqual([])
      const seen = subject.seen.map(({ method, target }) => `${method} ${target}`)
      const isLenient = kind.endsWith('uws') && LENIENT_HEADS.has(testCase.id)
      const wanted = isLenient
        ? ['GET /']
        : strict.requests.map(({ method, target }) => `${method} ${target}`)
      expect(seen).toEqual(wanted.slice(0, seen.length))

      // What the client was told.
      expect(outcome.problem).toBeNull()
      const story = `${outcome.verdict} (${testCase.expected}): ${outcome.steps
        .map(({ status, state }) => `${status ?? 'nothing'}, ${state}`)
        .join('; ')}`
      if (known[testCase.id] === undefined) expect(story).toMatch(/^[PW]/)
      else expect(story, 'listed as a known failure').toMatch(/^F/)
    },
  )

  it('fails no more cases than the server it is built on, and only cases that exist', () => {
    expect(Object.keys(known).length).toBeLessThanOrEqual(FAILURE_CEILING[kind])
    const ids = new Set(cases.map(({ id }) => id))
    expect(Object.keys(known).filter((id) => !ids.has(id))).toEqual([])
    expect(Object.values(known).filter((reason) => reason.length < 20)).toEqual([])
    expect(cases).toHaveLength(161)
  })
})
