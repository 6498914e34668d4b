/** Room for the longest body piece of a frame, and for the framing of a chunk around it. */
export const SLAB_BYTES = 64 * 1024 + 64
/** Room for a body that is gathered, and for the head in front of it. */
const SMALL_SLAB_BYTES = 24 * 1024
/** What is smaller comes out of the collector's hands more cheaply than it would fill a slab. */
const WORTH_BYTES = 4 * 1024
/** Kept for the next one: 4 MiB, and 3 MiB of small ones. What is given back beyond that is left to the collector. */
const KEPT = 64
const KEPT_SMALL = 128

const free: Buffer[] = []
const freeSmall: Buffer[] = []

/**
 * Buffers for bodies and pieces of them that have to wait, used over and over by a thread. Uploads at full speed would otherwise leave a buffer
 * behind for each piece, outside the heap, faster than the collector comes round: with 10 KiB in each request that is half of what it costs.
 * @returns room for `bytes`, or null where a slab is not worth it, or too small
 */
export function takeSlab(bytes: number): Buffer | null {
  if (bytes < WORTH_BYTES || bytes > SLAB_BYTES) return null
  if (bytes > SMALL_SLAB_BYTES) return free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
  return freeSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_SLAB_BYTES)
}

/** Gives a slab back. Nobody may look at it any more. */
export function giveSlab(slab: Buffer): void {
  if (slab.length === SMALL_SLAB_BYTES) {
    if (freeSmall.length < KEPT_SMALL) freeSmall.push(slab)
  } else if (free.length < KEPT) free.push(slab)
}
