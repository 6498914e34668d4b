import type { PacketForm } from './packet-forms.js'
import { RawClient } from './raw-client.js'
import type { ParsedResponse } from './response-parser.js'
import type { SeenRequest } from './seen-request.js'
import type { Subject } from './subject.js'

export interface Outcome {
  /** Final answers in order. */
  readonly responses: readonly ParsedResponse[]
  readonly statuses: readonly number[]
  /** The server closed the connection. */
  readonly closed: boolean
  /** What reached the application on the way, as a copy. */
  readonly seen: readonly SeenRequest[]
  /** Method and target of {@link Outcome.seen}. */
  readonly lines: readonly string[]
  /** Everything that is wrong whatever the test expects: answers or forwarded requests off the grammar, breaches. */
  readonly problems: readonly string[]
}

export interface ExchangeOptions {
  /** Methods of the requests, to read answers to HEAD. */
  readonly methods?: readonly string[]
  /** Complete answers to wait for. Default 1. */
  readonly answers?: number
  /** Wait for the close as well. Default false. */
  readonly untilClosed?: boolean
  /** Bound on either wait, ms. Default 5000. */
  readonly timeoutMs?: number
}

/** Sends the pieces over a fresh connection, each as one segment, and reports what came of it. */
export async function exchange(
  subject: Subject,
  form: PacketForm | string,
  options: ExchangeOptions = {},
): Promise<Outcome> {
  subject.reset()
  const client = await RawClient.to(subject)
  const methods = options.methods ?? []
  try {
    const pieces = typeof form === 'string' ? [form] : form.pieces
    await client.sendPieces(pieces, () => subject.settle())
    await client.readResponses(options.answers ?? 1, methods, options.timeoutMs ?? 5_000)
    if (options.untilClosed === true) await client.untilClosed(options.timeoutMs ?? 5_000)
    await subject.settle()
    const { responses, problem } = client.responses(methods)
    const seen = subject.seen.slice()
    const problems = [...subject.problems(), ...(problem === null ? [] : [problem])]
    return {
      responses,
      statuses: responses.map(({ status }) => status),
      closed: client.closed,
      seen,
      lines: seen.map(({ method, target }) => `${method} ${target}`),
      problems,
    }
  } finally {
    await client.destroy()
    await subject.settle()
  }
}
