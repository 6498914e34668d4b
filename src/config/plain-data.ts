/** A value that cannot be handed to a worker thread as it is (contract A-45). */
export class NotPlainData extends TypeError {
  override readonly name = 'NotPlainData'
  /** Where it is, e.g. `with.tables[2].lookup`. */
  readonly path: string
  constructor(path: string, what: string) {
    super(`${path}: ${what} cannot travel to worker threads`)
    this.path = path
  }
}

/**
 * Makes sure that a value arrives in another thread as it is here. A structured clone alone throws without telling where on
 * functions and handles, and silently strips class instances of their methods and accessors of their code.
 *
 * Plain are null, undefined, strings, numbers, booleans, bigints, lists and objects of these, and what a clone keeps whole: dates,
 * regular expressions, maps, sets, buffers.
 *
 * @param path what the value is called, for the message
 * @throws NotPlainData
 */
export function assertPlainData(value: unknown, path: string): void {
  check(value, path, new Set())
}

function check(value: unknown, path: string, seen: Set<object>): void {
  if (typeof value === 'function')
    throw new NotPlainData(path, value.name === '' ? 'a function' : `the function '${value.name}'`)
  if (typeof value === 'symbol') throw new NotPlainData(path, 'a symbol')
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) check(item, `${path}[${index}]`, seen)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) checkFields(value, path, seen)
  else if (prototype === Map.prototype) {
    for (const [key, item] of value as Map<unknown, unknown>) {
      check(key, `${path} (a key)`, seen)
      check(item, `${path}[${String(key)}]`, seen)
    }
  } else if (prototype === Set.prototype) {
    for (const item of value as Set<unknown>) check(item, `${path} (a member)`, seen)
  } else if (!isKeptWhole(value, prototype)) {
    throw new NotPlainData(path, `an instance of ${className(prototype)}`)
  }
}

function checkFields(value: object, path: string, seen: Set<object>): void {
  for (const key of Reflect.ownKeys(value)) {
    const field = Object.getOwnPropertyDescriptor(value, key)
    if (field === undefined || field.enumerable !== true) continue
    if (typeof key === 'symbol') throw new NotPlainData(path, 'a field with a symbol for a name')
    const at = `${path}.${key}`
    if (field.get !== undefined || field.set !== undefined) throw new NotPlainData(at, 'an accessor')
    check(field.value, at, seen)
  }
}

function isKeptWhole(value: object, prototype: unknown): boolean {
  return (
    prototype === Date.prototype ||
    prototype === RegExp.prototype ||
    prototype === ArrayBuffer.prototype ||
    prototype === SharedArrayBuffer.prototype ||
    // A Buffer would arrive as a Uint8Array.
    (ArrayBuffer.isView(value) && !Buffer.isBuffer(value))
  )
}

function className(prototype: unknown): string {
  const { constructor: maker } = prototype as { readonly constructor?: unknown }
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class'
}
