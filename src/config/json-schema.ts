import { z } from 'zod'
import { configSchema } from './schema.js'

/** A JSON Schema, or a part of one, as far as this package looks into it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly required?: readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly $comment?: string
}

/** JSON Schema (draft 2020-12) of what a config file may hold, for editors and for `headgate schema`. */
export function configJsonSchema(): JsonSchema {
  const generated = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }) as JsonSchema
  const { $schema, ...rest } = generated
  return { $schema, $id: 'urn:headgate:config', title: 'Headgate configuration', ...rest }
}

/** The part of a schema that describes what stands at a path; null when nothing may stand there. */
export function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | null {
  let at: JsonSchema | null = schema
  for (const key of path) {
    if (at === null) return null
    at = child(at, key)
  }
  return at
}

/** Keys that an object described by the schema may have. */
export function knownKeys(schema: JsonSchema): string[] {
  const own = Object.keys(schema.properties ?? {})
  return [...own, ...(schema.anyOf ?? []).flatMap(knownKeys)]
}

function child(schema: JsonSchema, key: PropertyKey): JsonSchema | null {
  if (typeof key === 'number') {
    if (schema.items !== undefined) return schema.items
  } else if (typeof key === 'string') {
    const { properties, additionalProperties } = schema
    if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key] ?? null
    if (typeof additionalProperties === 'object') return additionalProperties
  }
  for (const branch of schema.anyOf ?? []) {
    const found = child(branch, key)
    if (found !== null) return found
  }
  return null
}
