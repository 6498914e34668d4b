import type { Filter } from '#src/lifecycle/index.js'
import type { TestAnswer } from '#src/testing/index.js'

/** The body of the gateway's error document. */
export function errorDocument(answer: TestAnswer): Record<string, unknown> {
  return JSON.parse(answer.text()) as Record<string, unknown>
}

/** A promise and what settles it. */
export function deferred<T = void>(): {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
} {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve: (value) => resolve(value), reject: (error) => reject(error) }
}

/** A filter that notes when it ran, and does nothing else. */
export function tracer(name: string, notes: string[]): Filter {
  return {
    name,
    requestFilter: () => void notes.push(`${name}.request`),
    responseFilter: () => void notes.push(`${name}.response`),
    logging: () => void notes.push(`${name}.logging`),
  }
}

const PATTERN = Uint8Array.from({ length: 512 * 1024 }, (_, index) => (index * 31) & 0xff)

/** Bytes of their own of a pattern that begins with `seed`. */
export function bytes(length: number, seed = 0): Uint8Array {
  // 223 is the inverse of 31 modulo 256.
  const start = (seed * 223) & 0xff
  return PATTERN.slice(start, start + length)
}

/** Resolves in a later turn of the event loop, `count` turns on. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
}
