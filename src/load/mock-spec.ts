import { InvalidValue } from '../config/invalid-value.js'
import { parseDuration, parseSize } from '../config/units.js'
import type { OriginPlan } from './types.js'

/**
 * Reads what `--upstream` says: `mock`, `mock:5ms`, `mock:5ms,2KB`, `mock:2KB`; or `real`, the upstreams of the config.
 * @returns the origin to start; null for `real`.
 * @throws InvalidValue for anything else.
 */
export function parseMock(text: string): OriginPlan | null {
  if (text === 'real') return null
  const match = /^mock(?::(.+))?$/.exec(text)
  if (match === null) throw new InvalidValue(`'${text}' is neither 'real' nor a mock`, `e.g. 'mock:5ms,2KB'`)
  const [, rest] = match
  let plan: OriginPlan = {}
  for (const part of rest === undefined ? [] : rest.split(',')) {
    plan = /B$/.test(part)
      ? { ...plan, bodyBytes: parseSize(part) }
      : { ...plan, delayMs: parseDuration(part) }
  }
  return plan
}
