/**
 * Layout of a ring in its SharedArrayBuffer: four control words, a cache line each, then the data.
 * Positions count bytes ever written or read, modulo 2^32; the capacity is a power of two.
 */
export const CONTROL_BYTES = 256
/** Bytes published by the producer. */
export const WRITTEN = 0
/** Bytes released by the consumer. */
export const READ = 16
/** 1 while the consumer sleeps and wants its bell rung. */
export const ASLEEP = 32
/** 1 while the producer waits for room and wants its bell rung. */
export const BLOCKED = 48

/** Frame header: payload length, kind, slot, generation, and two numbers that the kind defines. Six 32-bit words. */
export const HEADER_BYTES = 24
/** Frames start on multiples of this. */
export const ALIGN = 8
/** Marks the unused rest before the wrap. */
export const KIND_PAD = 0

/** Bytes that a frame with this payload takes in the ring. */
export function frameBytes(payloadBytes: number): number {
  return (HEADER_BYTES + payloadBytes + ALIGN - 1) & ~(ALIGN - 1)
}

/** Makes the shared memory of one ring. @param capacityBytes a power of two. */
export function createRingBuffer(capacityBytes: number): SharedArrayBuffer {
  if (capacityBytes < 1024 || (capacityBytes & (capacityBytes - 1)) !== 0) {
    throw new RangeError(`ring capacity must be a power of two of at least 1024 bytes, not ${capacityBytes}`)
  }
  return new SharedArrayBuffer(CONTROL_BYTES + capacityBytes)
}
