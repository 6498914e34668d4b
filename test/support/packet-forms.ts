import { type Bytes, cut, toBuffer } from './raw-client.js'

export interface PacketForm {
  /** For messages: `1 packet`, `2 packets at 17`, `byte by byte` ... */
  readonly name: string
  readonly pieces: readonly Buffer[]
}

/**
 * The same bytes in one, two and three segments. Cut at the places where parsers keep state over a read: inside the
 * method, the target and the version, between CR and LF, inside a field's name and value, inside the empty line, between
 * head and body, and in the body (thus in a chunk size, chunk data or trailer) near its begin, middle and end.
 */
export function packetForms(bytes: Bytes): PacketForm[] {
  const data = toBuffer(bytes)
  const places = interestingOffsets(data)
  const forms: PacketForm[] = [{ name: '1 packet', pieces: [data] }]
  for (const at of places) forms.push({ name: `2 packets at ${at}`, pieces: cut(data, [at]) })
  for (const [index, at] of places.entries()) {
    const other = places[(index + Math.ceil(places.length / 2)) % places.length]
    if (other === undefined || other <= at) continue
    forms.push({ name: `3 packets at ${at} and ${other}`, pieces: cut(data, [at, other]) })
  }
  return forms
}

/** Every byte in a segment of its own. */
export function byteByByte(bytes: Bytes): PacketForm {
  const data = toBuffer(bytes)
  return { name: 'byte by byte', pieces: cut(data, [...data.keys()]) }
}

function interestingOffsets(data: Buffer): number[] {
  const lineEnd = data.indexOf('\r\n')
  const headEnd = data.indexOf('\r\n\r\n')
  const line = lineEnd < 0 ? data.length : lineEnd
  const head = headEnd < 0 ? data.length : headEnd + 4
  const body = data.length - head
  const offsets = [
    2,
    5,
    line - 2,
    line + 1,
    line + 5,
    Math.floor((line + head) / 2),
    head - 3,
    head - 2,
    head - 1,
    head,
  ]
  if (body > 0)
    offsets.push(head + 1, head + 2, head + Math.floor(body / 2), data.length - 3, data.length - 1)
  return [...new Set(offsets)].filter((at) => at > 0 && at < data.length).sort((a, b) => a - b)
}
