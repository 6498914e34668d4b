import { readdirSync, readFileSync } from 'node:fs'
import { configJsonSchema } from '../../dist/config/json-schema.js'
import { DEFAULT_SUBJECTS } from './subjects/index.mjs'

const FOLDER = new URL('../scenarios/', import.meta.url)

/** All scenarios: one small file each, in the order of their names. */
export function loadScenarios() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({
      kind: 'load',
      subjects: DEFAULT_SUBJECTS,
      ...JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')),
    }))
}

/** Keys of the configuration that a scenario needs and this version does not have. */
export function missingNeeds(scenario, schema = configJsonSchema()) {
  return (scenario.needs ?? []).filter((path) => !hasKey(schema, path.split('.')))
}

/** Is there a key such as `routes.cache` in a JSON schema, through lists, maps and alternatives? */
function hasKey(schema, [name, ...rest]) {
  if (name === undefined) return true
  const below = [schema.items, schema.additionalProperties, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  if (schema.properties?.[name] !== undefined && hasKey(schema.properties[name], rest)) return true
  return below.some((part) => typeof part === 'object' && part !== null && hasKey(part, [name, ...rest]))
}
