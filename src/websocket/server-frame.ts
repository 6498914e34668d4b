/** The head of a frame as a server sends it: without a mask (RFC 6455 §5.2). @param first FIN, reserved bits and opcode */
export function serverHead(first: number, sizeBytes: number): Uint8Array {
  const extended = sizeBytes < 126 ? 0 : sizeBytes < 65_536 ? 2 : 8
  const head = new Uint8Array(2 + extended)
  head[0] = first
  head[1] = extended === 0 ? sizeBytes : extended === 2 ? 126 : 127
  const view = new DataView(head.buffer)
  if (extended === 2) view.setUint16(2, sizeBytes)
  if (extended === 8) view.setBigUint64(2, BigInt(sizeBytes))
  return head
}

/** The payload of a close frame (RFC 6455 §5.5.1). @param reason ASCII, up to 123 bytes */
export function closePayload(code: number, reason: string): Uint8Array {
  const payload = new Uint8Array(2 + reason.length)
  payload[0] = code >> 8
  payload[1] = code & 0xff
  payload.set(Buffer.from(reason, 'latin1'), 2)
  return payload
}
