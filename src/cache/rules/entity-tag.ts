/** RFC 9110 §8.8.3: `W/` is case-sensitive, the rest visible characters without a quote. */
const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/y
const BETWEEN = /[ \t]*(?:,[ \t]*)+/y

/** Whether the text is one entity tag. */
export function isEntityTag(text: string): boolean {
  TAG.lastIndex = 0
  return TAG.test(text) && TAG.lastIndex === text.length
}

/** RFC 9110 §8.8.3.2: both are the same, weak or not. */
export function weaklyEqual(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

/** RFC 9110 §8.8.3.2: both are the same and neither is weak. */
export function stronglyEqual(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/')
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

/** Whether a list of entity tags (not `*`) holds one that is weakly equal. What is behind something that is no tag does not count. */
export function listsTag(list: string, tag: string): boolean {
  const wanted = opaque(tag)
  const text = list.trim()
  for (let at = 0; at < text.length; ) {
    TAG.lastIndex = at
    const match = TAG.exec(text)
    if (match === null) return false
    if (`"${match[2]}"` === wanted) return true
    BETWEEN.lastIndex = TAG.lastIndex
    if (BETWEEN.exec(text) === null) return false
    at = BETWEEN.lastIndex
  }
  return false
}
