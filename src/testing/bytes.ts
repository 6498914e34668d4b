import { Headers } from '../session/headers.js'
import type { TestBody, TestHeaders } from './types.js'

const encoder = new TextEncoder()

/** Longest piece that a socket delivers at once. */
const MAX_PIECE_BYTES = 64 * 1024

export function toBytes(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? encoder.encode(piece) : piece
}

/** A body that is known as a whole, or null. */
export function wholeBody(body: TestBody): Uint8Array | null {
  return typeof body === 'string' || body instanceof Uint8Array ? toBytes(body) : null
}

/** The body in pieces as a socket would deliver them. */
export async function* pieces(body: TestBody): AsyncGenerator<Uint8Array> {
  const whole = wholeBody(body)
  for await (const piece of whole === null ? (body as Iterable<string> | AsyncIterable<string>) : [whole]) {
    const bytes = toBytes(piece)
    for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) yield bytes.slice(at, at + MAX_PIECE_BYTES)
  }
}

/** @throws InvalidHeader */
export function toHeaders(headers: TestHeaders = {}): Headers {
  const made = new Headers()
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers)
  for (const [name, value] of pairs) {
    for (const line of typeof value === 'string' ? [value] : value) made.append(name, line)
  }
  return made
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Resolves in a later turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
