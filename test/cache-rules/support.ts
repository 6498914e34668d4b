import type { Arrival, Fields, StoreRequest, StoreRules } from '#src/cache/rules/index.js'
import { BlockFields, entryHead, storeDecision } from '#src/cache/rules/index.js'
import type { NewEntryHead } from '#src/cache/store/index.js'

/** Noon of a day, ms. */
export const NOON_MS = Date.UTC(2026, 0, 15, 12)

/** Field lines of an object. */
export function block(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}

export function fields(values: Readonly<Record<string, string>> = {}): Fields {
  return new BlockFields(block(values))
}

export const RULES: StoreRules = {
  ttlMs: () => null,
  heuristic: null,
  stale: { whileRevalidateMs: 0, ifErrorMs: 0 },
  vary: { allow: null, ignore: [] },
}

export const AT_NOON: Arrival = { requestMs: NOON_MS, responseMs: NOON_MS, dateMs: NOON_MS }
export const GET: StoreRequest = { method: 'GET', authorized: false, noStore: false }

/** The entry of an answer that must be storable. */
export function entry(
  values: Readonly<Record<string, string>>,
  { status = 200, rules = RULES, arrival = AT_NOON, request = GET } = {},
): NewEntryHead {
  const read = fields(values)
  const decision = storeDecision(request, status, read, arrival, rules)
  if (!decision.store) throw new Error(`not stored: ${decision.reason}`)
  const response = { status, statusText: 'OK', headerBlock: block(values), fields: read }
  return entryHead(response, decision.plan, arrival, arrival.responseMs)
}
