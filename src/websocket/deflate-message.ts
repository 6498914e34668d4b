import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib'

/**
 * Up to this size a message is compressed at once: some 0.1 ms. Longer ones (a megabyte takes 10 to 15 ms) are left to libuv's threads.
 */
const AT_ONCE_BYTES = 16_384
/** What a message compressed for its own ends with, and leaves out on the wire (RFC 7692 §7.2.1): 00 00 ff ff. */
const TAIL_BYTES = 4
/** Level 1: the higher ones take three to five times as long for some 10 % of what is left. */
const OPTIONS: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH, level: 1 }

/**
 * Compresses a message (RFC 7692 §7.2.1).
 * @param message must not change until it is done
 * @param done called at once or in a later turn; with null where nothing is gained
 */
export function deflateMessage(message: Uint8Array, done: (deflated: Uint8Array | null) => void): void {
  const judge = (deflated: Uint8Array): void => {
    const bytes = deflated.subarray(0, -TAIL_BYTES)
    done(bytes.length < message.length ? bytes : null)
  }
  if (message.length <= AT_ONCE_BYTES) {
    judge(deflateRawSync(message, OPTIONS))
    return
  }
  deflateRaw(message, OPTIONS, (error, deflated) => {
    if (error === null) judge(deflated)
    else done(null)
  })
}
