/** Longest text of a client in one field. */
export const MAX_TEXT = 1024

/** Printable ASCII alone: for a line that neither ends early nor moves a terminal's cursor, in one byte per character. */
const UNSAFE = /[^\x20-\x7e]/
const EACH_UNSAFE = /[^\x20-\x7e]/g

/** JSON in which every other character is an escape. What it says does not change. @param json one line, without its end */
function asciiJson(json: string): string {
  if (!UNSAFE.test(json)) return json
  return json.replace(EACH_UNSAFE, (character) => `\\u${hex(character, 4)}`)
}

/** Nothing in it needs an escape. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A text as a string of JSON in printable ASCII. */
export function quotedJson(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : asciiJson(JSON.stringify(text))
}

/** Text between quotes as Apache writes it: `"` and `\` with a backslash, all that is not printable as `\xHH`. */
export function quotable(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replace(EACH_UNSAFE, (character) => `\\x${hex(character, 2)}`)
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0')
}
