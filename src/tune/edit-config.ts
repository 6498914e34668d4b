import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, type Pair, type ParsedNode, parseDocument, type YAMLMap } from 'yaml'
import type { TunedOn } from '../config/tuned-on.js'

/** Why a file cannot be edited; the message says what to do instead. */
export class NotEditable extends Error {
  override readonly name = 'NotEditable'
}

/**
 * Puts a worker count and its machine into the text of a config file, and leaves everything else as it is, byte for byte. Only
 * where that is not possible (aliases, several documents) is it written anew, with its comments.
 * @param text YAML or JSON.
 * @throws NotEditable when `workers` comes from the environment or a file, or the text is no mapping.
 */
export function editConfig(text: string, workers: number, machine: TunedOn): string {
  const document = parseDocument(text)
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new NotEditable('the file is no mapping of keys to values')
  }
  const existing = document.get('workers', true)
  if (isScalar(existing) && typeof existing.value === 'string' && existing.value.includes('${')) {
    throw new NotEditable(`workers is '${existing.value}': set it to ${workers} where that comes from`)
  }
  const wanted = { ...document.toJS(), workers, tunedOn: fingerprint(machine) }
  const { contents } = document
  const values: Values = { workers: String(workers), tunedOn: flowText(machine, contents.flow === true) }
  const spliced = contents.flow ? spliceFlow(text, contents, values) : spliceBlock(text, contents, values)
  const check = parseDocument(spliced)
  if (check.errors.length === 0 && isDeepStrictEqual(check.toJS(), wanted)) return spliced
  return rewrite(text, document, workers, machine)
}

/** What to put into a file that cannot be edited, as YAML. */
export function configLines(workers: number, machine: TunedOn): string {
  return editConfig('workers: 1\n', workers, machine).trimEnd()
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Text for each key. */
type Values = Readonly<Record<'workers' | 'tunedOn', string>>
type Item = Pair<ParsedNode, ParsedNode | null>

/** One entry a line. */
function spliceBlock(text: string, map: YAMLMap.Parsed, values: Values): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const indent = ' '.repeat(columnOf(text, map.items[0]?.key.range[0] ?? 0))
  const { edits, missing } = replacements(text, map, values, newline)
  if (missing.length > 0) {
    const lines = missing.map((key) => `${indent}${key}: ${values[key]}${newline}`).join('')
    // Beside the number if that is there, so that they stay together.
    const workers = itemOf(map, 'workers')
    const eol = workers === undefined ? -1 : text.indexOf('\n', endOf(workers))
    const at = eol < 0 ? text.length : eol + 1
    const gap = at > 0 && text[at - 1] !== '\n' ? newline : ''
    edits.push({ start: at, end: at, text: gap + lines })
  }
  return applied(text, edits)
}

/** JSON, and YAML in braces. */
function spliceFlow(text: string, map: YAMLMap.Parsed, values: Values): string {
  const { edits, missing } = replacements(text, map, values, '')
  const entries = missing.map((key) => `${JSON.stringify(key)}: ${values[key]}`)
  const first = map.items[0]?.key.range[0] ?? 0
  const column = columnOf(text, first)
  const before = text.slice(first - column, first)
  const separator = column > 0 && before.trim() === '' ? `,\n${before}` : ', '
  const workers = itemOf(map, 'workers')
  if (missing.length > 0) {
    const edit =
      workers === undefined
        ? { at: first, text: entries.map((entry) => entry + separator).join('') }
        : { at: endOf(workers), text: entries.map((entry) => separator + entry).join('') }
    edits.push({ start: edit.at, end: edit.at, text: edit.text })
  }
  return applied(text, edits)
}

function replacements(
  text: string,
  map: YAMLMap.Parsed,
  values: Values,
  newline: string,
): { readonly edits: Edit[]; readonly missing: readonly (keyof Values)[] } {
  const edits: Edit[] = []
  const missing: (keyof Values)[] = []
  for (const key of ['workers', 'tunedOn'] as const) {
    const item = itemOf(map, key)
    if (item === undefined) missing.push(key)
    else {
      const [start = 0, end = start] = item.value?.range ?? []
      // The range of a mapping in block style goes to the start of the next line.
      const closing = text.slice(start, end).endsWith('\n') ? newline : ''
      edits.push({ start, end, text: values[key] + closing })
    }
  }
  return { edits, missing }
}

/** From the back, so that positions stay true; of two at one place, the insertion behind the replacement. */
function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, edit) => result.slice(0, edit.start) + edit.text + result.slice(edit.end), text)
}

function itemOf(map: YAMLMap.Parsed, key: keyof Values): Item | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === key)
}

function endOf(item: Item): number {
  return item.value?.range[1] ?? item.key.range[1]
}

/** Written anew from the document. */
function rewrite(text: string, document: Document.Parsed, workers: number, machine: TunedOn): string {
  const existing = document.get('workers', true)
  // The scalar is kept if there is one: its comments hang on it.
  if (isScalar(existing)) existing.value = workers
  else document.set('workers', workers)
  const node = document.createNode(fingerprint(machine))
  node.flow = true
  document.set('tunedOn', node)
  const edited = document.toString({ lineWidth: 0, indent: /^( +)\S/m.exec(text)?.[1]?.length ?? 2 })
  return text.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited
}

function fingerprint({ cores, quota, memoryBytes, cpu }: TunedOn) {
  const memory = `${Math.max(1, Math.round(memoryBytes / 2 ** 20))}MiB`
  return { cores, quota: quota ?? ('none' as const), memory, cpu }
}

/** @param isJson quotes as JSON wants them, which YAML takes too. The processor is quoted always: its name may hold anything. */
function flowText(machine: TunedOn, isJson: boolean): string {
  const { cpu, ...plain } = fingerprint(machine)
  const entries = Object.entries(plain).map(([key, value]) =>
    isJson ? `"${key}": ${JSON.stringify(value)}` : `${key}: ${value}`,
  )
  return `{ ${entries.join(', ')}, ${isJson ? '"cpu"' : 'cpu'}: ${JSON.stringify(cpu)} }`
}

function columnOf(text: string, position: number): number {
  return position - (text.lastIndexOf('\n', position - 1) + 1)
}
