import type { NamedTest } from './collect.js'
import type { CatalogueRow } from './rows.js'

/** Titles of a file that are shown; tables of tests have dozens. */
const TITLES_SHOWN = 2

/** The catalogue as Markdown: each case with the tests that carry its id. */
export function catalogueTable(rows: readonly CatalogueRow[], tests: readonly NamedTest[]): string {
  const lines = rows.map(({ id, what, onBoth }) => {
    const files = new Map<string, string[]>()
    for (const test of tests) {
      if (!test.ids.includes(id)) continue
      const titles = files.get(test.file) ?? []
      titles.push(test.title)
      files.set(test.file, titles)
    }
    const shown = [...files].map(([file, titles]) => `\`${file}\` ${listed([...new Set(titles)])}`)
    return `| ${id} | ${what} | ${onBoth ? 'both' : ''} | ${shown.join('<br>')} |`
  })
  return [
    '| Id | Case and what is expected | Acceptors | Tests |',
    '| --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

function listed(titles: readonly string[]): string {
  const shown = titles.slice(0, TITLES_SHOWN).map(escaped).join('; ')
  const more = titles.length - TITLES_SHOWN
  return more > 0 ? `${shown}; ${more} more` : shown
}

/** Names hold whatever is sent: what Markdown would read as its own is written so that it stays text. */
function escaped(text: string): string {
  return text
    .replaceAll('\\\\', '\\')
    .replaceAll("\\'", "'")
    .replaceAll('\\', '\\\\')
    .replace(/[|<>*_]/g, '\\$&')
}
