/** Text with one character per byte, out of and into buffers. */
interface Latin1Buffer {
  latin1Slice(this: Buffer, start: number, end: number): string
  latin1Write(this: Buffer, text: string, offset: number, length: number): number
}

/*
 * These are the methods that `toString('latin1')` and `write(…, 'latin1')` end in, once they have found out which encoding is meant: a tenth of
 * a microsecond each time, six times a session. Node has had them since 0.x, and undici rests on them too, but its types do not name
 * them. Taken out of the prototype, because there V8 looks them up anew with every call.
 */
const { latin1Slice, latin1Write } = Buffer.prototype as unknown as Latin1Buffer

/** The text in `bytes[start, end)`. */
export function readLatin1(bytes: Buffer, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end)
}

/** Writes `text` at `offset`, where there must be room for it. Of a character above U+00FF the high byte is lost. */
export function writeLatin1(bytes: Buffer, text: string, offset: number): void {
  latin1Write.call(bytes, text, offset, text.length)
}
