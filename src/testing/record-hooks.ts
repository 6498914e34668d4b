import type { HookName } from '../lifecycle/filter-chain.js'
import { type Filter, HOOK_NAMES } from '../lifecycle/index.js'

/** One call of one hook. */
export interface HookCallRecord {
  readonly filter: string
  readonly hook: HookName
}

const HOOKS: ReadonlySet<PropertyKey> = new Set(HOOK_NAMES)

/** The same filter, whose hooks note into `calls` that they were called. */
export function recordHooks(filter: Filter, calls: HookCallRecord[]): Filter {
  return new Proxy(filter, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function' || !HOOKS.has(key)) return member
      return (...args: unknown[]): unknown => {
        calls.push({ filter: target.name, hook: key as HookName })
        return Reflect.apply(member, target, args)
      }
    },
  })
}
