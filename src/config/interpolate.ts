import type { Path } from './problem.js'

/** What references may read. */
export interface InterpolationContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Content of a file named by `${file:...}`. @throws when it cannot be read. */
  readonly readFile: (path: string) => string
}

/** A reference that cannot be replaced. */
export interface InterpolationFault {
  readonly path: Path
  readonly message: string
  readonly hint: string | null
  /** The reference as written, to point to it. */
  readonly reference: string
}

export interface Interpolated {
  readonly value: unknown
  readonly faults: readonly InterpolationFault[]
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}|$)/g
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces the references in all strings of a value (not in keys): `${VAR}`, `${VAR:-default}` (also when VAR is
 * empty), `${file:/run/secrets/x}` (without the last line break). `$${` stands for `${`. Never throws; what cannot be
 * replaced is a fault.
 */
export function interpolate(value: unknown, context: InterpolationContext): Interpolated {
  const faults: InterpolationFault[] = []
  const visit = (at: unknown, path: Path): unknown => {
    if (typeof at === 'string') return replace(at, path)
    if (Array.isArray(at)) return at.map((item, index) => visit(item, [...path, index]))
    if (!isPlainObject(at)) return at
    // fromEntries defines properties, so that a key `__proto__` stays a key and is refused as unknown.
    return Object.fromEntries(Object.entries(at).map(([key, item]) => [key, visit(item, [...path, key])]))
  }
  const replace = (text: string, path: Path): string =>
    text.replaceAll(REFERENCE, (reference: string, inner: string | undefined, end: string | undefined) => {
      if (inner === undefined) return '${'
      const fault = (message: string, hint: string | null): string => {
        faults.push({ path, message, hint, reference })
        return ''
      }
      if (end !== '}') return fault(`'${reference}' has no closing brace`, "write '$${' for a literal '${'")
      return resolveReference(inner, context, fault)
    })
  return { value: visit(value, []), faults }
}

function resolveReference(
  inner: string,
  context: InterpolationContext,
  fault: (message: string, hint: string | null) => string,
): string {
  if (inner.startsWith('file:')) {
    const path = inner.slice('file:'.length)
    try {
      return context.readFile(path).replace(/\r?\n$/, '')
    } catch (error) {
      return fault(`cannot read '${path}': ${error instanceof Error ? error.message : String(error)}`, null)
    }
  }
  const match = VARIABLE.exec(inner)
  if (match === null) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user may write
    return fault(`'\${${inner}}' is not a reference`, 'the forms are ${VAR}, ${VAR:-default}, ${file:/path}')
  }
  const [, name = '', fallback] = match
  const found = Object.hasOwn(context.env, name) ? context.env[name] : undefined
  if (found !== undefined && (found !== '' || fallback === undefined)) return found
  if (fallback !== undefined) return fallback
  return fault(`the environment variable ${name} is not set`, `set it, or give a default: '\${${name}:-...}'`)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
