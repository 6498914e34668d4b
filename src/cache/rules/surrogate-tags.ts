import type { Fields } from './fields.js'

/** Tags of one answer that count, and characters of one. */
const MAX_TAGS = 64
const MAX_TAG_LENGTH = 256
const NONE: readonly string[] = []

/** Tags that an answer can be purged by: `Surrogate-Key`, separated by spaces, and `Cache-Tag`, separated by commas. */
export function surrogateTags(fields: Fields): readonly string[] {
  const keys = fields.get('surrogate-key')
  const tags = fields.get('cache-tag')
  if (keys === null && tags === null) return NONE
  const found = new Set<string>()
  // Several lines of the first are joined by commas.
  for (const tag of (keys ?? '').split(/[\s,]+/)) add(found, tag)
  for (const tag of (tags ?? '').split(',')) add(found, tag.trim())
  return [...found]
}

function add(found: Set<string>, tag: string): void {
  if (tag !== '' && tag.length <= MAX_TAG_LENGTH && found.size < MAX_TAGS) found.add(tag)
}
