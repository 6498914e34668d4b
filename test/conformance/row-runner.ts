import type { AcceptorTimeouts } from '#src/acceptor/types.js'
import { byteByByte, type PacketForm, packetForms } from '../support/packet-forms.js'
import { RawClient } from '../support/raw-client.js'
import type { SeenRequest } from '../support/seen-request.js'
import type { Subject } from '../support/subject.js'
import { turns } from '../support/turns.js'

/** Host of every request in a row: replaced by a number of its own, so that what reaches the application is told apart. */
export const ROW_HOST = 'row-000'
/** A complete request that must never be executed, because it stands inside another one or behind a broken one. */
export const HIDDEN = `GET /admin HTTP/1.1\r\nHost: ${ROW_HOST}\r\n\r\n`

/** uWS leaves some rows to a deadline; 5 s is its shortest idle time. */
export const SHORT: Partial<AcceptorTimeouts> = { idleMs: 5_000, bodyMs: 5_000 }

export interface FormOutcome {
  readonly form: string
  readonly statuses: readonly number[]
  readonly closed: boolean
  /** First breach of RFC 9112 in the answers, or null. */
  readonly problem: string | null
}

export interface RowOutcome {
  /** One for each packet form, each over a connection of its own. */
  readonly forms: readonly FormOutcome[]
  /** All that reached the application in any of the forms. */
  readonly seen: readonly SeenRequest[]
}

/** Longer rows are not sent byte by byte as well. */
const BYTE_BY_BYTE_LIMIT = 1_024
/** Connections open at a time. */
const PARALLEL = 200
/**
 * Bound for the close, which some rows bring about by a deadline only: that of the subject, rounded up by the timer of
 * uWS (U6, U13).
 */
const CLOSE_MS = 13_000

/**
 * Sends every row in every packet form, all at the same time, and waits until the server has closed each connection.
 * @param subject on the loop of this process
 * @param rows bytes with {@link ROW_HOST}, one character per byte
 * @param formsOf packet forms of a row. Default {@link everyForm}.
 * @returns what came of each, by its bytes
 */
export async function runRows(
  subject: Subject,
  rows: readonly string[],
  formsOf: (bytes: string) => readonly PacketForm[] = everyForm,
): Promise<ReadonlyMap<string, RowOutcome>> {
  const hostOf = (row: number): string => `row-${String(row).padStart(3, '0')}`
  const jobs = rows.flatMap((bytes, row) => {
    const own = bytes.replaceAll(ROW_HOST, hostOf(row))
    return formsOf(own).map((form) => ({ row, form }))
  })
  const outcomes = rows.map((): FormOutcome[] => [])
  await inParallel(jobs, async ({ row, form }) => {
    outcomes[row]?.push(await runForm(subject, form))
  })
  await subject.settle()
  const { seen } = subject
  const strangers = seen.filter(({ host }) => !/^row-\d{3}$/.test(host))
  return new Map(
    outcomes.map((forms, row) => {
      const own = seen.filter(({ host }) => host === hostOf(row))
      return [rows[row] ?? '', { forms, seen: [...own, ...strangers] }]
    }),
  )
}

/** Cut at every place that matters, and byte by byte where that is not too long. */
function everyForm(bytes: string): PacketForm[] {
  return bytes.length <= BYTE_BY_BYTE_LIMIT ? [...packetForms(bytes), byteByByte(bytes)] : packetForms(bytes)
}

async function runForm(subject: Subject, form: PacketForm): Promise<FormOutcome> {
  const client = await RawClient.to(subject)
  await client.sendPieces(form.pieces, () => turns(4))
  await client.untilClosed(CLOSE_MS)
  const { responses, problem } = client.responses()
  const { closed } = client
  await client.destroy()
  return { form: form.name, statuses: responses.map(({ status }) => status), closed, problem }
}

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const work = async (): Promise<void> => {
    for (const item of rest) await run(item)
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
}
