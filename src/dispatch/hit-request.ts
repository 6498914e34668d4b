import type { Fields } from '../cache/rules/index.js'
import type { HeaderEdits } from '../filters/index.js'
import { fieldOf } from '../routing/field-condition.js'

/** Fields by which an answer from the cache depends on a request, on every route: those of `RequestHead.selects`. */
const isSelecting = (name: string): boolean =>
  name === 'cache-control' ||
  name === 'pragma' ||
  name === 'range' ||
  name === 'authorization' ||
  name.startsWith('if-')

/** Fields that the worker adds before it looks into the cache: only it can tell what the request says in them. */
export function isAddedLater(name: string): boolean {
  return (
    name.startsWith('x-forwarded-') ||
    name === 'forwarded' ||
    name === 'via' ||
    name === 'cdn-loop' ||
    name === 'x-real-ip' ||
    name === 'x-request-id'
  )
}

/** The fields of a request as a worker would see them behind the built-in filter `headers`. */
export class HitRequest implements Fields {
  readonly #block: string
  readonly #edits: readonly HeaderEdits[]
  readonly #selects: boolean
  /** It says nothing by which an answer could differ from what is stored. */
  readonly isPlain: boolean

  /**
   * @param block of the acceptor: names in lower case @param selects as of `RequestHead`
   * @param edits that the route's filters make to requests
   */
  constructor(block: string, selects: boolean, edits: readonly HeaderEdits[]) {
    this.#block = block
    this.#edits = edits
    this.#selects = selects
    this.isPlain = !selects && edits.length === 0
  }

  get(name: string): string | null {
    let value = !this.#selects && isSelecting(name) ? null : fieldOf(this.#block, name)
    for (const edits of this.#edits) value = edited(value, name, edits)
    return value
  }
}

/** In the order of `applyHeaderEdits`. */
function edited(before: string | null, name: string, { remove, set, append }: HeaderEdits): string | null {
  let value = before
  if (remove.some((each) => each.toLowerCase() === name)) value = null
  for (const each in set) if (each.toLowerCase() === name) value = set[each] ?? ''
  for (const each in append) {
    if (each.toLowerCase() !== name) continue
    const more = append[each] ?? ''
    value = value === null ? more : `${value}, ${more}`
  }
  return value
}
