import type { BudgetCheck, CapCheck, Decision } from '../state-store.js'

/** The part of a decision that lies in one hash slot, so that one script can decide it. */
export interface SlotGroup {
  /** What stands between `{` and `}` in its keys; a key without is its own. */
  readonly tag: string
  readonly caps: CapCheck[]
  readonly budgets: BudgetCheck[]
  /** Places in the decision's `caps` and `budgets`. */
  readonly capIndexes: number[]
  readonly budgetIndexes: number[]
}

/** The hash tag of a key as Redis Cluster reads it: between the first `{` and the next `}`, if that is not nothing. Null: none. */
export function hashTagOf(key: string): string | null {
  const start = key.indexOf('{')
  if (start === -1) return null
  const end = key.indexOf('}', start + 1)
  return end === -1 || end === start + 1 ? null : key.slice(start + 1, end)
}

/** A key to which others may be added in the same slot: it has a tag, or becomes one. Keys may not have braces without a tag. */
export function taggedKey(key: string): string {
  return hashTagOf(key) === null ? `{${key}}` : key
}

/** Splits a decision by slot: caps first (C-03), in the order in which the slots come up. */
export function slotGroups({ caps, budgets }: Pick<Decision, 'caps' | 'budgets'>): SlotGroup[] {
  const groups: SlotGroup[] = []
  const groupOf = (key: string): SlotGroup => {
    const tag = hashTagOf(key) ?? key
    let group = groups.find((candidate) => candidate.tag === tag)
    if (group === undefined) {
      group = { tag, caps: [], budgets: [], capIndexes: [], budgetIndexes: [] }
      groups.push(group)
    }
    return group
  }
  for (const [index, cap] of caps.entries()) {
    const group = groupOf(cap.key)
    group.caps.push(cap)
    group.capIndexes.push(index)
  }
  for (const [index, budget] of budgets.entries()) {
    const group = groupOf(budget.key)
    group.budgets.push(budget)
    group.budgetIndexes.push(index)
  }
  return groups
}

/** A single server decides everything at once. */
export function oneGroup({ caps, budgets }: Pick<Decision, 'caps' | 'budgets'>): SlotGroup {
  return {
    tag: '',
    caps: [...caps],
    budgets: [...budgets],
    capIndexes: caps.map((_, index) => index),
    budgetIndexes: budgets.map((_, index) => index),
  }
}
