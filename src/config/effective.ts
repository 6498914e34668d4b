import { Document, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { configJsonSchema, type JsonSchema } from './json-schema.js'
import type { LoadedConfig, WrittenConfig } from './load.js'
import type { Path } from './problem.js'
import { valueAt } from './value-at.js'

/** The effective config as the user would write it, each value with where it comes from. */
export interface EffectiveConfig {
  /** Plain data in the form of a config file, defaults filled in. */
  readonly value: unknown
  /** The same as YAML, with the origin of each value as a comment: `default`, `headgate.yaml:3`, `--listen`. */
  readonly yaml: string
}

/**
 * Fills the defaults of the schema into what the user wrote. Options of filters, and what was read from a file, are shown
 * as written, since secrets come that way.
 */
export function effectiveConfig(loaded: LoadedConfig): EffectiveConfig {
  const tree = build(configJsonSchema(), loaded.written, [])
  const { count, reason } = loaded.config.workers
  const workers = tree instanceof YAMLMap ? (tree.get('workers', true) as Scalar | undefined) : undefined
  if (workers !== undefined) workers.comment = `${workers.comment ?? ''}; ${count} (${reason})`
  const document = new Document()
  document.contents = tree as typeof document.contents
  return { value: document.toJS(), yaml: document.toString({ lineWidth: 0, flowCollectionPadding: true }) }
}

function build(schema: JsonSchema, written: WrittenConfig, path: Path): YAMLMap | YAMLSeq | Scalar {
  const found = valueAt(written.value, path)
  const value = found === undefined ? schema.default : found
  if (Array.isArray(value)) {
    const list = new YAMLSeq()
    const items = schemaFor(schema, (part) => part.items !== undefined)?.items ?? {}
    list.items = value.map((_, index) => build(items, written, [...path, index]))
    if (value.length > 0) return list
    list.flow = true
    list.comment = origin(found, written, path)
    return list
  }
  if (typeof value === 'object' && value !== null) {
    const map = new YAMLMap()
    const part = schemaFor(schema, (candidate) => candidate['type'] === 'object') ?? {}
    for (const [key, inner] of childSchemas(part, value)) {
      const child = [...path, key]
      if (valueAt(written.value, child) === undefined && inner.default === undefined) continue
      map.set(key, build(inner, written, child))
    }
    return map
  }
  const scalar = new Scalar(shown(value, written, path))
  scalar.comment = origin(found, written, path)
  return scalar
}

/** Of a union, the branch for the kind of value at hand. */
function schemaFor(schema: JsonSchema, accepts: (part: JsonSchema) => boolean): JsonSchema | undefined {
  return accepts(schema) ? schema : schema.anyOf?.find(accepts)
}

function childSchemas(schema: JsonSchema, value: object): [key: string, schema: JsonSchema][] {
  const known = Object.entries(schema.properties ?? {}).filter(([key]) => key !== '$schema')
  const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
  const others = Object.keys(value).filter(
    (key) => schema.properties === undefined || !(key in schema.properties),
  )
  const rest = schema.additionalProperties === false ? [] : others
  return [...known, ...rest.map((key): [string, JsonSchema] => [key, extra])]
}

function shown(value: unknown, written: WrittenConfig, path: Path): unknown {
  const raw = valueAt(written.raw, path)
  const mayBeSecret =
    path.includes('with') ||
    path.includes('secrets') ||
    (path[0] === 'otlp' && path[1] === 'headers') ||
    (typeof raw === 'string' && raw.includes('${file:'))
  return mayBeSecret && raw !== undefined ? raw : value
}

function origin(found: unknown, written: WrittenConfig, path: Path): string {
  if (found === undefined) return ' default'
  const { file, line } = written.sourceOf(path).locate(path, 'value')
  return line > 0 ? ` ${file}:${line}` : ` ${file}`
}
