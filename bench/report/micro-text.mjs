import { table } from './tables.mjs'

/** One document of a script in `bench/micro` as Markdown. */
export function microText({ name, title, why, tables, remarks, failed }) {
  if (failed !== undefined) return `### ${name}\n\nNot measured: ${failed}.`
  const parts = [`### ${title}`]
  if (why !== '') parts.push(why)
  for (const { title: heading, columns, rows } of tables) {
    if (heading !== '') parts.push(`**${heading}**`)
    parts.push(table(columns, rows))
  }
  if (remarks.length > 0) parts.push(remarks.map((text) => `- ${text}`).join('\n'))
  return parts.join('\n\n')
}
