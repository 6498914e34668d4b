import type { Amount } from '../../money/index.js'
import type { BudgetCheck, CapCheck } from '../state-store.js'
import { type SlotGroup, taggedKey } from './slot-groups.js'

export interface ScriptCall {
  readonly keys: string[]
  readonly args: string[]
}

export interface ScriptCallOptions {
  readonly id: string
  readonly nowMs: number | null
  readonly holdMs: number
  readonly rememberMs: number
  /** What the script calls its mode. */
  readonly mode: string
  /** Keys need hash tags. */
  readonly tagged: boolean
}

/** Keys and arguments as `scripts.ts` wants them. */
export function scriptCall(group: SlotGroup, options: ScriptCallOptions): ScriptCall {
  const { id, nowMs, holdMs, rememberMs, mode, tagged } = options
  const name = tagged ? taggedKey : (key: string): string => key
  const keys = [tagged ? `done:{${group.tag}}:${id}` : `done:${id}`]
  const args = [id, nowMs === null ? '' : String(nowMs), String(holdMs), String(rememberMs), mode]
  args.push(String(group.caps.length), String(group.budgets.length))
  for (const cap of group.caps) {
    const key = name(cap.key)
    keys.push(key, `${key}:h`)
    args.push(...capArguments(cap))
  }
  for (const budget of group.budgets) {
    const key = name(budget.key)
    keys.push(key, `${key}:h`, budget.limitKey === null ? `${key}:l` : name(budget.limitKey))
    args.push(...budgetArguments(budget))
  }
  return { keys, args }
}

function capArguments({ max, window, mode }: CapCheck): string[] {
  const bounds = window.kind === 'calendar' ? [window.startMs, window.endMs] : [window.windowMs, 0]
  return [String(max), window.kind, ...bounds.map(String), mode]
}

function budgetArguments(check: BudgetCheck): string[] {
  const { cost, currency, limit, pace, ttlMs, limitKey } = check
  return [
    String(cost.micros),
    String(cost.nanos),
    currency,
    ...amountArguments(limit),
    ...amountArguments(pace),
    ttlMs === null ? '' : String(ttlMs),
    limitKey === null ? '0' : '1',
  ]
}

function amountArguments(amount: Amount | null): string[] {
  return amount === null ? ['', ''] : [String(amount.micros), String(amount.nanos)]
}
