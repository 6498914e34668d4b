import { REQUEST_ID_CHARS } from '../../session/request-id.js'
import { isAnswerHead } from '../answer-rules.js'
import { fieldsBehindVia } from './answer-head.js'

/** Blocks that are kept: those of what is asked for most, in the second in which their Age holds. */
const BLOCKS = 512

/**
 * Heads of answers as the bytes that go on the wire, for those that are given again and again: only the request id differs, and is put in its place.
 * Written as text each of them would be joined, measured and encoded anew.
 */
export class HeadBytes {
  /** Null: seen once. */
  readonly #known = new Map<string, Buffer | null>()

  /**
   * What stands behind `via: ` in the head of a 200 with these fields, up to the next call.
   * @returns null the first time, and for a block that must not go on the wire
   */
  of(headerBlock: string, requestId: string): Buffer | null {
    if (requestId.length !== REQUEST_ID_CHARS) return null
    const known = this.#known.get(headerBlock)
    if (known === undefined) {
      if (this.#known.size >= BLOCKS) this.#known.clear()
      this.#known.set(headerBlock, null)
      return null
    }
    const bytes = known ?? this.#make(headerBlock, requestId)
    if (bytes === null) return null
    const at = bytes.length - REQUEST_ID_CHARS
    for (let i = 0; i < REQUEST_ID_CHARS; i += 1) bytes[at + i] = requestId.charCodeAt(i)
    return bytes
  }

  #make(headerBlock: string, requestId: string): Buffer | null {
    if (!isAnswerHead(200, 'OK', headerBlock)) return null
    const bytes = Buffer.from(fieldsBehindVia(headerBlock, '', requestId), 'latin1')
    this.#known.set(headerBlock, bytes)
    return bytes
  }
}
