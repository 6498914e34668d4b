import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, type Pair, type ParsedNode, parseDocument, type YAMLMap } from 'yaml'
import type { TunedOn } from '../config/tuned-on.js'

/** Why a file cannot be edited; the message says what to do instead. */
export class NotEditable extends Error {
  override readonly name = 'NotEditable'
}

/**
 * Puts a worker count and its machine into the text of a config file. Comments and order stay as they are; in YAML in block style
 * everything else does too, byte for byte.
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
  if (!document.contents.flow) {
    const spliced = splice(text, document.contents, workers, machine)
    const check = parseDocument(spliced)
    if (check.errors.length === 0 && isDeepStrictEqual(check.toJS(), wanted)) return spliced
  }
  return rewrite(text, document, workers, machine)
}

/** What to put into a file that cannot be edited, as YAML. */
export function configLines(workers: number, machine: TunedOn): string {
  return `workers: ${workers}\ntunedOn: ${flowText(machine)}`
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

function splice(text: string, map: YAMLMap.Parsed, workers: number, machine: TunedOn): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const indent = ' '.repeat(columnOf(text, map.items[0]?.key.range[0] ?? 0))
  const edits: Edit[] = []
  let missing = ''
  for (const [key, value] of [
    ['workers', String(workers)],
    ['tunedOn', flowText(machine)],
  ] as const) {
    const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key)
    if (pair === undefined) missing += `${indent}${key}: ${value}${newline}`
    else edits.push(replaceValue(text, pair, value, newline))
  }
  if (missing !== '') {
    // Beside the other one if that is there, so that they stay together.
    const other = map.items.find((item) => isScalar(item.key) && item.key.value === 'workers')
    const eol = other === undefined ? -1 : text.indexOf('\n', other.value?.range[1] ?? other.key.range[1])
    const at = eol < 0 ? text.length : eol + 1
    edits.push({
      start: at,
      end: at,
      text: at > 0 && text[at - 1] !== '\n' ? `${newline}${missing}` : missing,
    })
  }
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, edit) => result.slice(0, edit.start) + edit.text + result.slice(edit.end), text)
}

function replaceValue(
  text: string,
  pair: Pair<ParsedNode, ParsedNode | null>,
  value: string,
  newline: string,
): Edit {
  const [start = 0, end = start] = pair.value?.range ?? []
  // The range of a mapping in block style goes to the start of the next line.
  const whole = text.slice(start, end)
  return { start, end, text: whole.endsWith('\n') ? `${value}${newline}` : value }
}

/** JSON, and YAML in a form where pieces of text cannot be put in safely: written anew from the document. */
function rewrite(text: string, document: Document.Parsed, workers: number, machine: TunedOn): string {
  const existing = document.get('workers', true)
  // The scalar is kept if there is one: its comments hang on it.
  if (isScalar(existing)) existing.value = workers
  else document.set('workers', workers)
  const node = document.createNode(fingerprint(machine))
  node.flow = true
  document.set('tunedOn', node)
  const isJson = text.trimStart().startsWith('{')
  const edited = document.toString({
    lineWidth: isJson ? 1 : 0,
    indent: /^( +)\S/m.exec(text)?.[1]?.length ?? 2,
    ...(isJson && { defaultKeyType: 'QUOTE_DOUBLE', defaultStringType: 'QUOTE_DOUBLE' }),
  })
  return text.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited
}

function fingerprint({ cores, quota, memoryBytes, cpu }: TunedOn) {
  const memory = `${Math.max(1, Math.round(memoryBytes / 2 ** 20))}MiB`
  return { cores, quota: quota ?? ('none' as const), memory, cpu }
}

function flowText(machine: TunedOn): string {
  const { cores, quota, memory, cpu } = fingerprint(machine)
  return `{ cores: ${cores}, quota: ${quota}, memory: ${memory}, cpu: ${JSON.stringify(cpu)} }`
}

function columnOf(text: string, position: number): number {
  return position - (text.lastIndexOf('\n', position - 1) + 1)
}
