import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import type { ConfigProblem, Location, Path } from './problem.js'
import type { Aspect, ConfigSource } from './source.js'

/** Text that parses, or the reasons why it does not. */
export type YamlResult =
  | { readonly source: ConfigSource; readonly problems?: never }
  | { readonly source?: never; readonly problems: readonly ConfigProblem[] }

/**
 * Reads YAML 1.2, of which JSON is a part, and keeps the position of every entry.
 * @param label name of the file for messages.
 */
export function yamlSource(text: string, label: string): YamlResult {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const locate = (start: number, end: number): Location => {
    const { line, col } = lines.linePos(start)
    const lineStart = lines.lineStarts[line - 1] ?? 0
    const lineEnd = lineEndOf(text, lineStart)
    const excerpt = text.slice(lineStart, lineEnd)
    return { file: label, line, column: col, excerpt, length: Math.max(1, Math.min(end, lineEnd) - start) }
  }
  const troubles = [...document.errors, ...document.warnings, ...brokenAliases(document)]
  if (troubles.length > 0) {
    const duplicates = troubles.filter((trouble) => trouble.code === 'DUPLICATE_KEY')
    const [first, ...others] = troubles.filter((trouble) => trouble.code !== 'DUPLICATE_KEY')
    // What follows the first syntax error is mostly its consequence.
    const shown = first === undefined ? duplicates : [first]
    return {
      problems: shown.map((trouble) => ({
        severity: 'error',
        code: trouble.code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'syntax',
        path: '',
        message: others.length > 0 ? `${trouble.message} (and ${others.length} more)` : trouble.message,
        hint: syntaxHint(text, trouble.pos[0]),
        location: locate(...trouble.pos),
      })),
    }
  }
  const source: ConfigSource = {
    label,
    raw: document.toJS(),
    locate(path, aspect, needle) {
      const [start, end] = rangeOf(document, path, aspect)
      const at = needle === undefined ? -1 : text.slice(start, end).indexOf(needle)
      return at < 0 ? locate(start, end) : locate(start + at, start + at + (needle?.length ?? 0))
    },
  }
  return { source }
}

interface Trouble {
  readonly code: string
  readonly message: string
  readonly pos: readonly [start: number, end: number]
}

/** Aliases without anchor, and aliases of aliases that multiply without bound: the parser reports neither. */
function brokenAliases(document: Document): Trouble[] {
  const troubles: Trouble[] = []
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return
      const [start = 0, end = 0] = alias.range ?? []
      troubles.push({
        code: 'ALIAS',
        message: `there is no anchor '&${alias.source}' before this`,
        pos: [start, end],
      })
    },
  })
  if (troubles.length > 0 || document.errors.length > 0) return troubles
  try {
    document.toJS()
  } catch (error) {
    troubles.push({
      code: 'ALIAS',
      message: error instanceof Error ? error.message : String(error),
      pos: [0, 0],
    })
  }
  return troubles
}

/** The mistakes whose message does not tell what is wrong. */
function syntaxHint(text: string, at: number): string | null {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, lineEndOf(text, at))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user may write
  if (/[[{,].*[^"']\$\{/.test(line)) return 'inside { } and [ ] a reference must be quoted: "${VAR}"'
  if (line.includes('\t')) return 'YAML is indented with spaces, not tabs'
  if (/:\s*[*@`%]|^\s*-\s*[*@`%]/.test(line))
    return "a value that starts with * @ ` or % must be quoted: '*.example.com'"
  return null
}

type Range = readonly [start: number, end: number]

/** Offsets of an entry; of its nearest existing parent's key when it does not exist. */
function rangeOf(document: Document, path: Path, aspect: Aspect): Range {
  let node: unknown = document.contents
  let range: Range = [0, 0]
  if (path.length === 0) return nodeRange(node) ?? range
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    const last = depth === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(key))
      if (pair === undefined) return range
      const keyRange = nodeRange(pair.key)
      const valueRange = nodeRange(pair.value)
      range = (last && aspect === 'value' ? valueOrKey(valueRange, keyRange) : keyRange) ?? range
      node = pair.value
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(key)]
      if (item === undefined) return range
      range = nodeRange(item) ?? range
      node = item
    } else {
      return range
    }
  }
  return range
}

/** An empty value has no extent of its own: its key is what the user sees. */
function valueOrKey(value: Range | null, key: Range | null): Range | null {
  return value === null || value[0] === value[1] ? (key ?? value) : value
}

function nodeRange(node: unknown): Range | null {
  const range = (node as Node | null)?.range
  return range === null || range === undefined ? null : [range[0], range[1]]
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key)
}

function lineEndOf(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  if (end < 0) return text.length
  return text[end - 1] === '\r' ? end - 1 : end
}
