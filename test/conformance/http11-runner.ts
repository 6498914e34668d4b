import { RawClient } from '../support/raw-client.js'
import type { Subject } from '../support/subject.js'
import {
  bytesOf,
  type ConnectionState,
  evaluate,
  type Http11Case,
  type StepResult,
  type Verdict,
} from './http11-evaluator.js'

/**
 * How often the subject may settle in silence before that counts as `TimedOut`. The original listens for 5 s, less than any
 * deadline of the gateway; whatever happens without a deadline has happened by then.
 */
const SILENT_ROUNDS = 5

export interface CaseOutcome {
  readonly verdict: Verdict
  readonly steps: readonly StepResult[]
  /** All bytes that were sent. */
  readonly sent: Buffer
  /** First breach of RFC 9112 in the answers, or null. */
  readonly problem: string | null
  readonly wire: string
}

/** Plays one recorded case against a subject over one connection. */
export async function runCase(testCase: Http11Case, subject: Subject): Promise<CaseOutcome> {
  const client = await RawClient.to(subject)
  const steps: StepResult[] = []
  const sent: Buffer[] = []
  const methods: string[] = []
  try {
    for (const step of testCase.steps) {
      if (steps.length > 0 && steps.at(-1)?.state !== 'Open') break
      const before = client.receivedBytes
      const answersBefore = client.responses(methods).responses.length
      for (const group of step) {
        const bytes = bytesOf(group.send)
        sent.push(bytes)
        methods.push(bytes.toString('latin1', 0, 5) === 'HEAD ' ? 'HEAD' : 'GET')
        await client.send(bytes)
        await subject.settle()
      }
      steps.push(await readStep(client, subject, methods, before, answersBefore))
    }
    const { problem } = client.responses(methods)
    return {
      verdict: evaluate(testCase, steps),
      steps,
      sent: Buffer.concat(sent),
      problem,
      wire: client.text,
    }
  } finally {
    await client.destroy()
    await subject.settle()
  }
}

async function readStep(
  client: RawClient,
  subject: Subject,
  methods: readonly string[],
  before: number,
  answersBefore: number,
): Promise<StepResult> {
  const headCame = (): boolean => client.text.indexOf('\r\n\r\n', before) >= 0
  for (let round = 0; round < SILENT_ROUNDS && !client.closed && !headCame(); round += 1)
    await subject.settle()
  await subject.settle()
  let state: ConnectionState = client.closed ? 'ClosedByServer' : 'TimedOut'
  if (state === 'TimedOut' && headCame()) state = 'Open'
  const text = client.text.slice(before)
  const statuses = [...text.matchAll(/HTTP\/\d\.\d (\d{3})/g)].map((match) => Number(match[1]))
  const parsed = client.responses(methods)
  const headEnd = text.indexOf('\r\n\r\n')
  return {
    status: statuses[0] ?? null,
    response: parsed.responses[answersBefore] ?? null,
    state,
    statusLines: statuses.length,
    bytesAfterHead: headEnd < 0 ? 0 : text.length - headEnd - 4,
  }
}
