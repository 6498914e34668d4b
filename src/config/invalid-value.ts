/** What a parser of one value throws; the schema turns it into a problem with a position. */
export class InvalidValue extends Error {
  override readonly name = 'InvalidValue'
  /** What to write instead, if we can tell. */
  readonly hint: string | null
  constructor(message: string, hint: string | null = null) {
    super(message)
    this.hint = hint
  }
}

/** Shows what was found, short: `'abc'`, `17`, `a list`, `a section`, `nothing`. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`
  if (typeof value === 'function') return 'a function'
  return String(value)
}
