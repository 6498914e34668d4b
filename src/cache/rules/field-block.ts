import { trimOws } from '../../session/header-rules.js'
import type { Fields } from './fields.js'

/** The block without the lines whose (lower case) names `drops` tells. Field lines `name: value` + CRLF each. */
export function withoutLines(block: string, drops: (lowerName: string) => boolean): string {
  let kept = ''
  let from = 0
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf('\r\n', at) + 2
    if (drops(block.slice(at, block.indexOf(':', at)).toLowerCase())) {
      kept += block.slice(from, at)
      from = end
    }
    at = end
  }
  return from === 0 ? block : kept + block.slice(from)
}

/** Reads fields out of a block whose names may be spelled in any way. */
export class BlockFields implements Fields {
  readonly #block: string
  #lower: string | null = null

  constructor(block: string) {
    this.#block = block
  }

  get(name: string): string | null {
    this.#lower ??= `\r\n${this.#block.toLowerCase()}`
    const start = `\r\n${name}:`
    let found: string | null = null
    for (let at = this.#lower.indexOf(start); at >= 0; at = this.#lower.indexOf(start, at + start.length)) {
      // Two characters less than in the lower-case copy, which begins with a line end.
      const from = at + start.length - 2
      const value = trimOws(this.#block.slice(from, this.#block.indexOf('\r\n', from)))
      found = found === null ? value : `${found}, ${value}`
    }
    return found
  }
}
