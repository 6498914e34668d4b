import { CONTROL_BYTES, HEADER_BYTES, READ, WRITTEN } from '#src/mailbox/ring-layout.js'
import {
  type AtomicStep,
  type Mutation,
  type StepwiseReader,
  type StepwiseRing,
  type StepwiseWriter,
  stepwiseRing,
} from './stepwise-ring.js'

const PRODUCER = 0
const CONSUMER = 1
type Side = typeof PRODUCER | typeof CONSUMER

/** Beside the atomic operations: ringing the other side's bell, and waiting for one's own. */
type Step = AtomicStep | readonly ['ring' | 'await', Side]
type Process = Generator<Step, void, number>

export interface Scenario {
  readonly capacityBytes: number
  /** A multiple of 8. */
  readonly startAt: number
  /** Payload sizes of the frames, in turns: the producer publishes at the end of each. */
  readonly turns: readonly (readonly number[])[]
  /** Turns, by index, whose frames wake nobody. */
  readonly quietTurns?: readonly number[]
  /** How often the consumer's thread has work of its own while it sleeps, and looks by itself. Default 0. */
  readonly ownTurns?: number
  readonly mutation?: Mutation & { readonly of: 'ring-writer' | 'ring-reader' }
}

export interface Exploration {
  /** Different states that were reached. */
  readonly states: number
  /** Interleavings that ran to their end, equal states counted once. */
  readonly ends: number
  readonly bells: { readonly fewest: number; readonly most: number }
  /** What went wrong first: a wake-up lost, a frame lost, repeated or overwritten. Null: nothing ever. */
  readonly failure: string | null
}

/** What a mailbox does with the producing end: frames that find no room wait for the bell. */
function* produce(writer: StepwiseWriter, { turns, quietTurns = [] }: Scenario): Process {
  let sequence = 0
  for (const [turn, sizes] of turns.entries()) {
    let quietly = quietTurns.includes(turn)
    for (let i = 0; i < sizes.length; ) {
      const sizeBytes = sizes[i] ?? 0
      const at = yield* writer.reserve(1, sequence, 0, sizeBytes)
      if (at >= 0) {
        writer.bytes.fill(sequence, at, at + sizeBytes)
        sequence += 1
        i += 1
        continue
      }
      quietly = false
      if (yield* writer.publish(quietly)) yield ['ring', CONSUMER]
      yield ['await', PRODUCER]
    }
    if (yield* writer.publish(quietly)) yield ['ring', CONSUMER]
  }
}

/**
 * What a mailbox does with the consuming end. `got` collects the frames' numbers as they stand in the ring when it is
 * released; -1 for a ring that makes no sense.
 */
function* consume(
  reader: StepwiseReader,
  buffer: SharedArrayBuffer,
  got: number[],
  { ownTurns = 0 }: Scenario,
): Process {
  let ownTurnsLeft = ownTurns
  const words = new Int32Array(buffer, CONTROL_BYTES)
  for (;;) {
    const frames: number[] = []
    try {
      while (yield* reader.next()) frames.push(reader.offset)
    } catch {
      got.push(-1)
      return
    }
    for (const offset of frames) got.push(words[(offset - HEADER_BYTES) / 4 + 2] ?? -1)
    if (yield* reader.release()) yield ['ring', PRODUCER]
    if (frames.length > 0) continue
    if (!(yield* reader.sleep())) continue
    if (ownTurnsLeft > 0) {
      ownTurnsLeft -= 1
      yield* reader.stayAwake()
    } else yield ['await', CONSUMER]
  }
}

/** Numbers for everything that a side has seen so far, result by result. */
class Traces {
  readonly #ids = new Map<string, number>()

  idOf(before: number, result: number): number {
    const key = `${before},${result}`
    const id = this.#ids.get(key) ?? this.#ids.size + 1
    this.#ids.set(key, id)
    return id
  }
}

/** One run of both sides: follows a schedule, and knows who can go on. */
class Run {
  readonly got: number[] = []
  readonly bells: [number, number] = [0, 0]
  rung = 0
  readonly #control: Int32Array
  readonly #processes: [Process, Process]
  readonly #pending: [Step | null, Step | null]
  readonly #traces: Traces
  readonly #seen: [number, number] = [0, 0]

  constructor(scenario: Scenario, { Writer, Reader }: StepwiseRing, traces: Traces) {
    this.#traces = traces
    const buffer = new SharedArrayBuffer(CONTROL_BYTES + scenario.capacityBytes)
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4)
    this.#control[WRITTEN] = scenario.startAt | 0
    this.#control[READ] = scenario.startAt | 0
    this.#processes = [
      produce(new Writer(buffer), scenario),
      consume(new Reader(buffer), buffer, this.got, scenario),
    ]
    this.#pending = [this.#advance(PRODUCER, undefined), this.#advance(CONSUMER, undefined)]
  }

  /** Equal keys: the same memory, and both sides have seen the same, so they stand at the same place. */
  get key(): string {
    const words = [0, 16, 32, 48].map((word) => this.#control[word])
    return `${words.join()},${this.bells.join()},${this.#seen.join()}`
  }

  get producerIsDone(): boolean {
    return this.#pending[PRODUCER] === null
  }

  can(side: Side): boolean {
    const step = this.#pending[side]
    return step !== null && (step[0] !== 'await' || this.bells[side] > 0)
  }

  step(side: Side): void {
    const step = this.#pending[side]
    if (step === null) return
    const result = this.#perform(step)
    this.#seen[side] = this.#traces.idOf(this.#seen[side], result)
    this.#pending[side] = this.#advance(side, result)
  }

  #perform(step: Step): number {
    switch (step[0]) {
      case 'ring':
        this.rung += 1
        this.bells[step[1]] += 1
        return 0
      case 'await':
        this.bells[step[1]] -= 1
        return 0
      case 'load':
        return Atomics.load(step[1], step[2])
      case 'store':
        return Atomics.store(step[1], step[2], step[3] ?? 0)
      case 'compareExchange':
        return Atomics.compareExchange(step[1], step[2], step[3] ?? 0, step[4] ?? 0)
    }
  }

  #advance(side: Side, result: number | undefined): Step | null {
    const next = result === undefined ? this.#processes[side].next() : this.#processes[side].next(result)
    return next.done === true ? null : next.value
  }
}

function failureOf(run: Run, frames: number): string | null {
  const inOrder = run.got.every((sequence, i) => sequence === i)
  if (!inOrder) return `frames ${run.got.join()} were read`
  if (!run.producerIsDone)
    return `lost wake-up: the producer waits for room, ${run.got.length} of ${frames} were read`
  if (run.got.length < frames)
    return `lost wake-up: the consumer sleeps, ${run.got.length} of ${frames} were read`
  return null
}

/** Tries every interleaving of the atomic operations of both ends. */
export function explore(scenario: Scenario): Exploration {
  const { turns, quietTurns = [] } = scenario
  // What comes after the last loud turn may lie unread.
  const loud = turns.findLastIndex((_, turn) => !quietTurns.includes(turn))
  const frames = turns.slice(0, loud + 1).flat().length
  const traces = new Traces()
  const ring = stepwiseRing(scenario.mutation ?? null)
  const seen = new Set<string>()
  const todo: Side[][] = [[]]
  let ends = 0
  let fewest = Number.POSITIVE_INFINITY
  let most = 0
  for (let schedule = todo.pop(); schedule !== undefined; schedule = todo.pop()) {
    const run = new Run(scenario, ring, traces)
    for (const side of schedule) run.step(side)
    // Goes on with one side, and leaves the other choice of each step for later.
    for (;;) {
      if (seen.has(run.key)) break
      seen.add(run.key)
      const options = ([PRODUCER, CONSUMER] as const).filter((side) => run.can(side))
      const side = options[0]
      if (side === undefined) {
        const failure = failureOf(run, frames)
        ends += 1
        fewest = Math.min(fewest, run.rung)
        most = Math.max(most, run.rung)
        if (failure !== null) return { states: seen.size, ends, bells: { fewest, most }, failure }
        break
      }
      if (options[1] !== undefined) todo.push([...schedule, options[1]])
      schedule = [...schedule, side]
      run.step(side)
    }
  }
  return { states: seen.size, ends, bells: { fewest, most }, failure: null }
}
