/**
 * `mov edx, 0x80000; xor ecx, ecx; call …` on x86-64: the one place where uSockets reads a plain socket, `recv(fd, buffer, 524288, 0)`.
 * Behind it it reads again, in the same turn, as long as a read has filled the buffer, also after `pause`: a client that sends as fast as
 * we read is never held back, and hundreds of megabytes of its body have to be kept (uSockets `src/loop.c`, `read_more`).
 */
const READ = Buffer.from([0xba, 0x00, 0x00, 0x08, 0x00, 0x31, 0xc9, 0xe8])
/** The byte of the length that makes it 131,072: less than the buffer, so that no read ever fills it. */
const LENGTH_AT = 3
const LENGTH_BYTE = 0x02

/**
 * Makes a copy of the addon that reads at most 128 KiB of a connection in a turn of the loop, so that a pause holds from the
 * next turn on.
 *
 * @returns null where this is not the known code, which is left as it is: not for x86-64, or another build
 */
export function boundReads(binary: Buffer): Buffer | null {
  const at = binary.indexOf(READ)
  if (at < 0 || binary.indexOf(READ, at + 1) >= 0) return null
  const copy = Buffer.from(binary)
  copy[at + LENGTH_AT] = LENGTH_BYTE
  return copy
}
