/** Room for the longest body piece of a frame, and for the framing of a chunk around it. */
export const SLAB_BYTES = 64 * 1024 + 64
/** From this size on a piece is worth a slab; smaller ones would leave most of it empty. */
export const SLAB_WORTH_BYTES = 32 * 1024
/** Kept for the next one: 4 MiB. What is given back beyond that is left to the collector. */
const KEPT = 64

const free: Buffer[] = []

/**
 * Buffers for large pieces of bodies that have to wait, used over and over by a thread. A large upload at full speed would otherwise leave
 * a buffer behind for each piece, outside the heap, faster than the collector comes round.
 */
export function takeSlab(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
}

/** Gives a slab back. Nobody may look at it any more. */
export function giveSlab(slab: Buffer): void {
  if (free.length < KEPT) free.push(slab)
}
