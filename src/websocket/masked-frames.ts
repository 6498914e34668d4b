import { randomFillSync } from 'node:crypto'

/** Longest head of a masked frame, rounded up so that a payload behind it is aligned. */
export const MASKED_HEAD_BYTES = 16

const masks = new Uint8Array(4096)
let masksUsed = masks.length

/** Four random bytes, aligned: a mask must not be foreseeable (RFC 6455 §10.3). */
export function nextMask(): Uint8Array {
  if (masksUsed === masks.length) {
    randomFillSync(masks)
    masksUsed = 0
  }
  masksUsed += 4
  return masks.slice(masksUsed - 4, masksUsed)
}

/** Lays a mask over what begins with its first byte (RFC 6455 §5.3). @param words at least `sizeBytes`, rounded up */
export function applyMask(words: Uint32Array, sizeBytes: number, mask: Uint8Array): void {
  const word = new Uint32Array(mask.buffer, mask.byteOffset, 1)[0] ?? 0
  const count = (sizeBytes + 3) >> 2
  for (let i = 0; i < count; i += 1) words[i] = (words[i] ?? 0) ^ word
}

/**
 * Writes the head of a masked frame in front of its payload (RFC 6455 §5.2).
 * @param payloadAt at least {@link MASKED_HEAD_BYTES}. @param first FIN, reserved bits and opcode. @returns where it begins
 */
export function writeMaskedHead(
  bytes: Uint8Array,
  payloadAt: number,
  first: number,
  sizeBytes: number,
  mask: Uint8Array,
): number {
  const extended = sizeBytes < 126 ? 0 : sizeBytes < 65_536 ? 2 : 8
  const at = payloadAt - 6 - extended
  bytes[at] = first
  bytes[at + 1] = 0x80 | (extended === 0 ? sizeBytes : extended === 2 ? 126 : 127)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (extended === 2) view.setUint16(at + 2, sizeBytes)
  if (extended === 8) view.setBigUint64(at + 2, BigInt(sizeBytes))
  bytes.set(mask, payloadAt - 4)
  return at
}

/** A whole frame of a client, with a fresh mask. @param first FIN, reserved bits and opcode */
export function maskedFrame(first: number, payload: Uint8Array): Uint8Array {
  const words = new Uint32Array((MASKED_HEAD_BYTES + payload.length + 3) >> 2)
  const bytes = new Uint8Array(words.buffer)
  bytes.set(payload, MASKED_HEAD_BYTES)
  const mask = nextMask()
  applyMask(words.subarray(MASKED_HEAD_BYTES >> 2), payload.length, mask)
  const from = writeMaskedHead(bytes, MASKED_HEAD_BYTES, first, payload.length, mask)
  return bytes.subarray(from, MASKED_HEAD_BYTES + payload.length)
}
