/** Somebody tried to change an immutable object (contract B-18). The message is Python's: `cannot assign to field 'x'`. */
export class FrozenInstanceError extends TypeError {
  override readonly name = 'FrozenInstanceError'
  readonly code = 'HG_FROZEN'
  readonly field: string
  constructor(action: 'assign to' | 'delete', field: PropertyKey) {
    super(`cannot ${action} field '${String(field)}'`)
    this.field = String(field)
  }
}

/**
 * Makes an object immutable so that every attempt to change it throws {@link FrozenInstanceError}, also the ones that
 * `Object.freeze` alone answers with another error: adding and deleting fields. One level deep.
 */
export function immutable<T extends object>(target: T): T {
  return new Proxy<T>(Object.freeze(target), GUARD)
}

const GUARD: ProxyHandler<object> = {
  set(_target, field) {
    throw new FrozenInstanceError('assign to', field)
  },
  defineProperty(_target, field) {
    throw new FrozenInstanceError('assign to', field)
  },
  deleteProperty(_target, field) {
    throw new FrozenInstanceError('delete', field)
  },
  setPrototypeOf() {
    throw new FrozenInstanceError('assign to', '__proto__')
  },
}
