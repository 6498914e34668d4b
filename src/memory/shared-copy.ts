/** The longest piece that takes the way over {@link scratch}; bodies come in pieces of at most 64 KiB. */
const MOST_BYTES = 64 * 1024
/** What is shorter is copied as it is. */
const WORTH_BYTES = 128
const WORD_BYTES = 8

/** Both begin at a word: memory of their own does. */
const scratch = Buffer.allocUnsafeSlow(MOST_BYTES + WORD_BYTES)
const otherScratch = Buffer.allocUnsafeSlow(MOST_BYTES + WORD_BYTES)

/*
 * V8 copies shared memory a word at a time only where both sides are equally far from a word's beginning, and byte by byte otherwise, which takes
 * eight times as long. Bodies lie anywhere, so they take a step over memory that lies right: between two places that are not shared
 * copying costs next to nothing.
 */

/** Copies bytes into shared memory, wherever they lie. */
export function copyIntoShared(target: Uint8Array, at: number, bytes: Uint8Array): void {
  const { length } = bytes
  const shift = (target.byteOffset + at) % WORD_BYTES
  if (shift === bytes.byteOffset % WORD_BYTES || length < WORTH_BYTES || length > MOST_BYTES) {
    target.set(bytes, at)
    return
  }
  scratch.set(unshared(bytes), shift)
  target.set(scratch.subarray(shift, shift + length), at)
}

/** Copies bytes that may lie in shared memory to where nothing is shared. */
export function copyOutOfShared(target: Uint8Array, at: number, bytes: Uint8Array): void {
  target.set(unshared(bytes), at)
}

/** A copy of bytes that may lie in shared memory. */
export function copyOfShared(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(unshared(bytes))
}

/** The same bytes where nothing is shared, until the next call. */
function unshared(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = bytes
  if (length < WORTH_BYTES || length > MOST_BYTES || !(buffer instanceof SharedArrayBuffer)) return bytes
  const shift = byteOffset % WORD_BYTES
  otherScratch.set(bytes, shift)
  return otherScratch.subarray(shift, shift + length)
}
