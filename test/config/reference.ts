import type { JsonSchema } from '#src/config/json-schema.js'

/** The reference of all keys as Markdown, made from the schema: one table for each section. */
export function reference(schema: JsonSchema): string {
  const top = Object.entries(schema.properties ?? {})
  const isSection = ([, part]: [string, JsonSchema]) => rowsBelow('', part).length > 0
  const scalars = top.filter((entry) => !isSection(entry))
  const parts = [`### Top level\n\n${table(scalars.map(([key, part]) => row(key, part)))}`]
  for (const [key, part] of top.filter(isSection)) {
    parts.push(`### ${key}\n\n${part.description}\n\n${table(rowsBelow(key, part))}`)
  }
  return `${parts.join('\n\n')}\n`
}

function rowsBelow(path: string, schema: JsonSchema): string[] {
  const rows: string[] = []
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.${key}`
    const below = rowsBelow(at, part)
    const isOptions = part.$comment === 'options'
    const isRequired = schema.required?.includes(key) === true
    if (below.length === 0 || part.items !== undefined || part.anyOf !== undefined || isOptions)
      rows.push(row(at, part, isRequired))
    if (!isOptions) rows.push(...below)
  }
  const { additionalProperties, items } = schema
  if (typeof additionalProperties === 'object') rows.push(...rowsBelow(`${path}.NAME`, additionalProperties))
  if (items !== undefined) rows.push(...rowsBelow(`${path}[]`, items))
  for (const branch of schema.anyOf ?? []) rows.push(...rowsBelow(path, branch))
  return rows
}

function row(path: string, schema: JsonSchema, isRequired = false): string {
  const initial = schema.default
  const written = typeof initial === 'string' ? initial : JSON.stringify(initial)
  const absent = isRequired ? 'required' : ''
  const shown = initial === undefined ? absent : `\`${written}\``
  return `| \`${path}\` | ${typeOf(schema)} | ${shown} | ${schema.description ?? ''} |`.replaceAll(
    '||',
    '\\|\\|',
  )
}

function typeOf(schema: JsonSchema): string {
  if (schema.$comment !== undefined) return schema.$comment
  if (schema.items !== undefined) return `list: ${typeOf(schema.items)}`
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.properties !== undefined) return 'section'
  throw new Error(`a value without a type for the reference: ${JSON.stringify(schema)}`)
}

function table(rows: readonly string[]): string {
  return ['| Key | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}
