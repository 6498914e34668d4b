import type { core } from 'zod'
import { show } from './invalid-value.js'
import { type JsonSchema, knownKeys, schemaAt } from './json-schema.js'
import { type ConfigProblem, formatPath, type Path } from './problem.js'
import { type ConfigSource, problemAt } from './source.js'
import { suggest } from './suggest.js'
import { valueAt } from './value-at.js'

type Issue = core.$ZodIssue

/**
 * Turns what the schema found into problems with positions, in the order of the file.
 * @param value what was validated, to show what stands there.
 */
export function schemaProblems(
  issues: readonly Issue[],
  value: unknown,
  schema: JsonSchema,
  sourceOf: (path: Path) => ConfigSource,
): ConfigProblem[] {
  const problems = issues
    .flatMap((issue) => flatten(issue, []))
    .flatMap(({ issue, path }) => toProblems(issue, path, value, schema, sourceOf))
  return problems.sort((a, b) => order(a) - order(b))
}

interface Placed {
  readonly issue: Issue
  readonly path: Path
}

/** Resolves unions: of all branches, the one that the value was meant for tells what is wrong. */
function flatten(issue: Issue, parent: Path): Placed[] {
  const path = [...parent, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }]
  // A branch that took the value for what it is complains about its inside, not about its type.
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
  )
  const first = issue.errors[0] ?? []
  return (meant ?? first).flatMap((inner) => flatten(inner, path))
}

function toProblems(
  issue: Issue,
  path: Path,
  root: unknown,
  schema: JsonSchema,
  sourceOf: (path: Path) => ConfigSource,
): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const here = schemaAt(schema, path)
    const known = here === null ? [] : knownKeys(here)
    return issue.keys.map((key) => {
      const at = [...path, key]
      const hint = unknownKeyHint(key, known, path, schema)
      return problemAt(sourceOf(at), 'unknown-key', path, `unknown key '${key}'`, { hint, aspect: 'key', at })
    })
  }
  const source = sourceOf(path)
  if (issue.code === 'invalid_key') {
    const message = `'${String(path.at(-1))}' is not a name`
    const hint = 'letters, digits, _ . and -, starting with a letter or digit, at most 64 characters'
    return [problemAt(source, 'invalid-value', path, message, { hint, aspect: 'key' })]
  }
  const found = valueAt(root, path)
  if (found === undefined && path.length > 0) {
    const key = String(path.at(-1))
    const description = schemaAt(schema, path)?.description ?? null
    return [problemAt(source, 'missing-key', path.slice(0, -1), `'${key}' is missing`, { hint: description })]
  }
  if (issue.code === 'custom') {
    const hint: unknown = issue.params?.['hint']
    return [
      problemAt(source, 'invalid-value', path, issue.message, {
        hint: typeof hint === 'string' ? hint : null,
      }),
    ]
  }
  if (issue.code === 'too_small') {
    return [problemAt(source, 'invalid-value', path, 'the list is empty: it needs at least one entry')]
  }
  const expected = issue.code === 'invalid_type' ? expectation(issue.expected) : null
  const message = expected === null ? issue.message : `expected ${expected}, got ${show(found)}`
  const keys = knownKeys(schemaAt(schema, path) ?? {})
  const hint = expected === 'a section' && keys.length > 0 ? `its keys are ${keys.join(', ')}` : null
  return [problemAt(source, 'invalid-value', path, message, { hint })]
}

/** A misspelt key, a key in the wrong place, or else the keys that there are. */
function unknownKeyHint(
  key: string,
  known: readonly string[],
  path: Path,
  schema: JsonSchema,
): string | null {
  const near = suggest(key, known)
  if (near !== null) return `did you mean '${near}'?`
  const places = placesOf(key, schema, []).filter((place) => place !== formatPath(path))
  if (places.length > 0)
    return `'${key}' belongs under ${places.map((place) => place || 'the top level').join(' or ')}`
  return known.length === 0 ? null : `the keys here are ${known.join(', ')}`
}

function placesOf(key: string, schema: JsonSchema, path: Path): string[] {
  const places: string[] = []
  const { properties = {}, additionalProperties, items, anyOf = [] } = schema
  if (Object.hasOwn(properties, key))
    places.push(formatPath(path).replaceAll('["*"]', '.NAME').replaceAll('[0]', '[]'))
  for (const [name, inner] of Object.entries(properties))
    places.push(...placesOf(key, inner, [...path, name]))
  if (typeof additionalProperties === 'object')
    places.push(...placesOf(key, additionalProperties, [...path, '*']))
  if (items !== undefined) places.push(...placesOf(key, items, [...path, 0]))
  for (const branch of anyOf) places.push(...placesOf(key, branch, path))
  return places
}

function expectation(type: string): string {
  if (type === 'object' || type === 'record') return 'a section'
  if (type === 'array') return 'a list'
  return `a ${type}`
}

function order(problem: ConfigProblem): number {
  const { line = 0, column = 0 } = problem.location ?? {}
  return line * 10_000 + Math.min(column, 9999)
}
