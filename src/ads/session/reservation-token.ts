import { DIMENSIONS, type Dimension, type Subject } from './frequency-rule.js'
import type { Reservation } from './reservation.js'

/** Events of a served ad. `notUsed` and `error` give the reservation back (VAST 4.3 §3.14.1 and error reporting); others only identify it. */
export type AdEventName = 'impression' | 'click' | 'complete' | 'notUsed' | 'error' | (string & {})

export interface ReservationEvent {
  readonly event: AdEventName
  readonly reservation: Reservation
}

/** First field of the packed form; another number is another form. */
const FORM = 1
/** Bits of the last field, which older tokens lack. */
const UNMEASURED = 1
const PRICE_LEARNED = 2

/** As short as JSON gets it: it becomes part of an URL. */
export function packEvent({ event, reservation }: ReservationEvent): string {
  const { id, campaignId, subject, learned, price, isPriceLearned, decidedAtMs, mayMeasure } = reservation
  const known: (number | string)[] = []
  for (const [index, dimension] of DIMENSIONS.entries()) {
    const value = subject[dimension]
    if (value !== undefined && dimension !== 'campaign') known.push(index, value)
  }
  const money = price === null ? 0 : [price.amount.micros, price.amount.nanos, price.currency]
  return JSON.stringify([
    FORM,
    event,
    id,
    campaignId,
    decidedAtMs,
    money,
    known,
    learned.map((dimension) => DIMENSIONS.indexOf(dimension)),
    (mayMeasure ? 0 : UNMEASURED) + (isPriceLearned ? PRICE_LEARNED : 0),
  ])
}

/** Reads what {@link packEvent} wrote. The text was signed here, so this only finds other forms. Null: not this one. */
export function unpackEvent(text: string): ReservationEvent | null {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(fields) || fields[0] !== FORM) return null
  const [, event, id, campaignId, decidedAtMs, money, known, learned, flags = 0] = fields as [
    number,
    string,
    string,
    string,
    number,
    0 | [number, number, string],
    (number | string)[],
    number[],
    number | undefined,
  ]
  const subject: Partial<Record<Dimension, string>> = { campaign: campaignId }
  for (let index = 0; index < known.length; index += 2) {
    const dimension = DIMENSIONS[Number(known[index])]
    if (dimension !== undefined) subject[dimension] = String(known[index + 1])
  }
  const price = money === 0 ? null : { amount: { micros: money[0], nanos: money[1] }, currency: money[2] }
  const names = learned.flatMap((index) => DIMENSIONS[index] ?? [])
  const reservation = {
    id,
    campaignId,
    subject: subject satisfies Subject,
    learned: names,
    price,
    isPriceLearned: (flags & PRICE_LEARNED) !== 0,
    decidedAtMs,
    mayMeasure: (flags & UNMEASURED) === 0,
  }
  return { event, reservation }
}
