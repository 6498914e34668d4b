import { readFileSync } from 'node:fs'
import * as layout from '#src/mailbox/ring-layout.js'

/** One atomic operation that a ring is about to do: the name of the function of `Atomics`, and its arguments. */
export type AtomicStep = readonly ['load' | 'store' | 'compareExchange', Int32Array, number, number?, number?]

/** Runs up to the next atomic operation, whose result it is then given. */
export type Stepwise<T> = Generator<AtomicStep, T, number>

export interface StepwiseWriter {
  readonly bytes: Buffer
  reserve(kind: number, slot: number, generation: number, payloadBytes: number): Stepwise<number>
  publish(quietly?: boolean): Stepwise<boolean>
}

export interface StepwiseReader {
  readonly slot: number
  readonly offset: number
  next(): Stepwise<boolean>
  release(): Stepwise<boolean>
  sleep(): Stepwise<boolean>
  stayAwake(): Stepwise<void>
}

/** A change of the source text, to see whether a checker finds the mistake. */
export interface Mutation {
  readonly from: string
  readonly to: string
}

/** Methods that reach `Atomics`. */
const WRITER_METHODS = ['reserve', 'publish', 'freeBytes', '#hasRoom']
const READER_METHODS = ['next', 'release', 'sleep', 'stayAwake']

/**
 * The class of a built module, with each atomic operation of its methods turned into a `yield`: the same code, to be
 * driven step by step. Throws when the text does not look as expected, so that it cannot fall behind the source.
 */
function stepwise(
  file: string,
  className: string,
  methods: readonly string[],
  mutation: Mutation | null,
): unknown {
  let text = readFileSync(new URL(import.meta.resolve(`#src/mailbox/${file}.js`)), 'utf8')
  if (mutation !== null) {
    if (text.split(mutation.from).length !== 2) throw new Error(`not once in ${file}: ${mutation.from}`)
    text = text.replace(mutation.from, mutation.to)
  }
  const source = new RegExp(`^export class ${className} \\{\\n[\\s\\S]*?^\\}$`, 'm').exec(text)?.[0] ?? ''
  const parts = /^([\s\S]*?\n {4}constructor\([\s\S]*?\n {4}\}\n)([\s\S]*)$/.exec(source)
  if (parts === null) throw new Error(`no class ${className} in ${file}`)
  let rest = parts[2] ?? ''
  for (const method of methods) {
    const definition = new RegExp(`^ {4}(?:get )?${method}\\(`, 'm')
    if (!definition.test(rest)) throw new Error(`no ${method} in ${className}`)
    rest = rest.replace(definition, `    *${method}(`)
  }
  rest = rest
    .replace(/Atomics\.(\w+)\(([^()]*)\)/g, "(yield ['$1', $2])")
    .replace(/this\.#hasRoom\(([^()]*)\)/g, '(yield* this.#hasRoom($1))')
    .replace(/this\.freeBytes\b/g, '(yield* this.freeBytes())')
  if (rest.includes('Atomics')) throw new Error(`an atomic operation of ${className} was not understood`)
  const code = `${(parts[1] ?? '').replace('export class', 'return class')}${rest}`
  const names = [...Object.keys(layout), 'RingCorrupt']
  return new Function(...names, code)(...Object.values(layout), Error)
}

export interface StepwiseRing {
  readonly Writer: new (buffer: SharedArrayBuffer) => StepwiseWriter
  readonly Reader: new (buffer: SharedArrayBuffer) => StepwiseReader
}

/** Both ends of a ring, step by step. */
export function stepwiseRing(
  mutation: (Mutation & { readonly of: 'ring-writer' | 'ring-reader' }) | null,
): StepwiseRing {
  const Writer = stepwise(
    'ring-writer',
    'RingWriter',
    WRITER_METHODS,
    mutation?.of === 'ring-writer' ? mutation : null,
  ) as StepwiseRing['Writer']
  const Reader = stepwise(
    'ring-reader',
    'RingReader',
    READER_METHODS,
    mutation?.of === 'ring-reader' ? mutation : null,
  ) as StepwiseRing['Reader']
  return { Writer, Reader }
}
