import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AcceptorKind } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { readLeniently, readStrictly } from './expected-request.js'
import { FuzzOrigin } from './fuzz-origin.js'
import { type AccessLine, judgeRequest, type RequestCase } from './judge-request.js'
import { type FuzzInput, LiveCorpus, type Shape } from './live-corpus.js'
import { loopbackAddress, sendInput } from './loopback-client.js'
import { Random } from './random.js'
import { REQUEST_WORDS, requestSeeds } from './request-seeds.js'
import { shrink } from './shrink.js'

/** An input that something was wrong with. */
export interface Find {
  readonly input: FuzzInput
  readonly problems: readonly string[]
}

export interface FuzzReport {
  readonly seed: number
  readonly inputs: number
  readonly perSecond: number
  /** Of the inputs, how many had something accepted of them. */
  readonly accepted: number
  /** Messages in the corpus at the end. */
  readonly corpus: number
  readonly finds: readonly Find[]
}

export interface FuzzOptions {
  readonly seed: number
  readonly seconds: number
  /** After so many finds it stops. Default 5. */
  readonly mostFinds?: number
  /** After so many inputs, about. Default: as many as there is time for. */
  readonly mostInputs?: number
}

const LANES = 160
const ROUND = 1_500

/** A gateway with an access log before a strict origin, and clients that send it one input a connection. */
export class RequestRig {
  readonly #kind: AcceptorKind
  readonly #origin: FuzzOrigin
  readonly #gateway: InProcessGateway
  readonly #folder: string
  #sent = 0

  private constructor(kind: AcceptorKind, origin: FuzzOrigin, gateway: InProcessGateway, folder: string) {
    this.#kind = kind
    this.#origin = origin
    this.#gateway = gateway
    this.#folder = folder
  }

  static async start(kind: AcceptorKind): Promise<RequestRig> {
    const origin = await FuzzOrigin.start()
    const folder = mkdtempSync(join(tmpdir(), 'headgate-fuzz-'))
    const gateway = await InProcessGateway.start({
      acceptor: kind,
      workers: 1,
      log: { level: 'silent', access: true },
      accessLog: { file: join(folder, 'access.log'), redactDefaults: false },
      upstreams: { app: { peers: [origin.address] } },
    })
    return new RequestRig(kind, origin, gateway, folder)
  }

  /** Sends inputs side by side, and waits until nothing of them is under way any more. */
  async play(inputs: readonly FuzzInput[]): Promise<{ finds: Find[]; accepted: number }> {
    const cases: (Omit<RequestCase, 'forwarded' | 'lines'> & { input: FuzzInput; address: string })[] = []
    let next = 0
    const lane = async (): Promise<void> => {
      for (let input = inputs[next++]; input !== undefined; input = inputs[next++]) {
        const strict = readStrictly(input.text)
        const address = loopbackAddress(this.#sent++)
        // What is sound gets an answer, however long that takes; of anything else silence tells.
        const answers = strict.requests.filter(({ complete }) => complete).length
        const outcome = await sendInput(this.#gateway.port, address, input, answers)
        const lenientChunks = this.#kind === 'uws'
        const lenient = this.#kind === 'node' ? { lenient: readLeniently(input.text) } : {}
        const hasExtension = /\n[0-9A-Fa-f]+[\t ]*;/.test(input.text)
        cases.push({ input, strict, outcome, address, lenientChunks, hasExtension, ...lenient })
      }
    }
    const before = this.#gateway.stats.counters
    await Promise.all(Array.from({ length: LANES }, lane))
    // Connections are accepted in order: when this one has its answer, nothing of the others waits any more.
    const fence = loopbackAddress(this.#sent++)
    await fetchAnswer(this.#gateway.port, '/fence', { localAddress: fence })
    const { counters } = await this.#gateway.settle()
    this.#origin.seen.delete(fence)
    await eventually('the origin is idle', () => this.#origin.pending === 0)
    const dropped = counters.access_log_dropped - before.access_log_dropped
    const lines = await this.#takeLines(counters.requests - before.requests - dropped)
    const finds: Find[] = []
    let accepted = 0
    for (const it of cases) {
      const forwarded = this.#origin.seen.get(it.address) ?? []
      if (forwarded.length > 0) accepted += 1
      this.#origin.seen.delete(it.address)
      const problems = judgeRequest({ ...it, forwarded, lines: lines.get(it.address) ?? [] })
      if (problems.length > 0) finds.push({ input: it.input, problems })
    }
    const stray = [
      ...this.#origin.problems,
      ...[...this.#origin.seen.values()].map((list) => `from nowhere: ${JSON.stringify(list)}`),
    ]
    this.#origin.problems.length = 0
    this.#origin.seen.clear()
    if (stray.length > 0) finds.push({ input: { text: '', cuts: [] }, problems: stray })
    return { finds, accepted }
  }

  async close(): Promise<void> {
    await this.#gateway.close()
    await this.#origin.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Lines of the sessions that have ended, by client, as soon as all are written; the file is empty afterwards. */
  async #takeLines(sessions: number): Promise<Map<string, AccessLine[]>> {
    const file = join(this.#folder, 'access.log')
    const byClient = new Map<string, AccessLine[]>()
    await eventually('all lines are written', () => {
      byClient.clear()
      let count = 0
      for (const text of readFileSync(file, 'latin1').split('\n')) {
        if (text === '') continue
        const line = JSON.parse(text) as AccessLine
        if (line.msg === 'session') count += 1
        const list = byClient.get(line.client)
        if (list === undefined) byClient.set(line.client, [line])
        else list.push(line)
      }
      return count >= sessions
    })
    truncateSync(file)
    return byClient
  }
}

/** What the strict reader makes of a message, without its names and numbers. */
function shape(text: string): Shape {
  const { requests, error } = readStrictly(text)
  const shapes = requests.map(({ method, version, headers, complete, body }) => {
    const framing = headers
      .filter(([name]) =>
        /^(connection|content-length|expect|host|te|trailer|transfer-encoding|upgrade)$/.test(name),
      )
      .map(([name]) => name[0])
    return `${method.length}${version}${framing.join('')}${complete ? 'c' : 'i'}${Math.min(3, body.length)}`
  })
  const signature = `${shapes.slice(0, 3).join(' ')} ${error?.replace(/".*/, '')}`
  return { signature, isSound: error === null }
}

/** Sends mutated requests to a gateway for some time, and shortens what it finds. */
export async function fuzzRequests(kind: AcceptorKind, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, seconds, mostFinds = 5, mostInputs = Number.POSITIVE_INFINITY } = options
  const corpus = new LiveCorpus(new Random(seed), requestSeeds(), REQUEST_WORDS, shape)
  const rig = await RequestRig.start(kind)
  const finds: Find[] = []
  const startMs = performance.now()
  let inputs = 0
  let accepted = 0
  try {
    while (performance.now() - startMs < seconds * 1000 && inputs < mostInputs && finds.length < mostFinds) {
      const size = Math.min(ROUND, seconds * 100, mostInputs - inputs)
      const round = await rig.play(Array.from({ length: size }, () => corpus.next()))
      inputs += size
      accepted += round.accepted
      for (const find of round.finds.slice(0, mostFinds - finds.length)) finds.push(await shorten(rig, find))
    }
  } finally {
    await rig.close()
  }
  const perSecond = Math.round(inputs / ((performance.now() - startMs) / 1000))
  return { seed, inputs, perSecond, accepted, corpus: corpus.size, finds }
}

async function shorten(rig: RequestRig, find: Find): Promise<Find> {
  if (find.input.text === '') return find
  let last = find
  const fails = async (input: FuzzInput): Promise<boolean> => {
    const { finds } = await rig.play([input])
    if (finds[0] !== undefined) last = finds[0]
    return finds.length > 0
  }
  const uncut = { text: find.input.text, cuts: [] }
  const { cuts } = (await fails(uncut)) ? uncut : find.input
  await shrink(find.input.text, (text) => fails({ text, cuts }))
  return last
}
