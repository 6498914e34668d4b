import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Subject } from '../support/subject.js'
import { SUBJECT_KINDS, startSubject } from '../support/subjects.js'
import { checkCase, HTTP11_CASES } from './check-case.js'
import { FAILURE_CEILING, KNOWN_FAILURES } from './http11-known-failures.js'

describe.each(SUBJECT_KINDS)('HTTP/1.1 cases over %s', (kind) => {
  const known = KNOWN_FAILURES[kind]
  let subject: Subject

  beforeAll(async () => {
    subject = await startSubject(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each(HTTP11_CASES.map((testCase) => [testCase.id, testCase.description, testCase] as const))(
    '%s %s',
    async (id, _, testCase) => {
      const isKnown = known[id] !== undefined
      await checkCase(testCase, subject, { isUws: kind.endsWith('uws'), isKnown })
    },
  )

  it('fails no more cases than the server it is built on, and only cases that exist', () => {
    expect(Object.keys(known).length).toBeLessThanOrEqual(FAILURE_CEILING[kind])
    const ids = new Set(HTTP11_CASES.map(({ id }) => id))
    expect(Object.keys(known).filter((id) => !ids.has(id))).toEqual([])
    expect(Object.values(known).filter((reason) => reason.length < 20)).toEqual([])
    expect(HTTP11_CASES).toHaveLength(161)
  })
})
