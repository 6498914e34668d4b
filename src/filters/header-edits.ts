import type { Headers } from '../session/headers.js'
import { Headers as HeaderMap } from '../session/headers.js'
import { responseBlock } from '../session/wire-block.js'

/** What to do with a header section: removals first, then replacements, then additions. */
export interface HeaderEdits {
  readonly remove: readonly string[]
  readonly set: Readonly<Record<string, string>>
  readonly append: Readonly<Record<string, string>>
}

/** Applies edits that were validated when the configuration was loaded. */
export function applyHeaderEdits(headers: Headers, edits: HeaderEdits): void {
  for (const name of edits.remove) headers.remove(name)
  for (const name in edits.set) headers.set(name, edits.set[name] ?? '')
  for (const name in edits.append) headers.append(name, edits.append[name] ?? '')
}

/** The same on the header block of an answer, for the acceptor, which has no session. */
export function editHeaderBlock(block: string, edits: HeaderEdits): string {
  const headers = new HeaderMap(block)
  applyHeaderEdits(headers, edits)
  return responseBlock(headers)
}
