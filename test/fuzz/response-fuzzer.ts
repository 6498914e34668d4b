import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { askNode } from '../upstream-http1/support/node-client.js'
import { differenceFromNode } from '../upstream-http1/support/node-differences.js'
import { readResponse, type Transcript } from '../upstream-http1/support/read-response.js'
import { type FuzzInput, LiveCorpus, type Shape } from './live-corpus.js'
import { Random } from './random.js'
import type { Find, FuzzOptions, FuzzReport } from './request-fuzzer.js'
import { RESPONSE_WORDS, responseSeeds } from './response-seeds.js'
import { shrink } from './shrink.js'

const LANES = 32
const ROUND = 500
/** Any of it ends an exchange that got stuck, as an error. */
const TIMEOUTS = { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000 }

/** What the connector made of one response. */
interface Received {
  readonly error: boolean
  readonly status: number
  readonly body: string
  readonly trailers: string
  readonly reused: boolean
}

/**
 * The connector before an origin that answers `/x` with whatever bytes it is told to, and then, on whatever connection the next request comes,
 * that with an answer by which it is known. An answer that is not its own has been left over from the one before.
 */
export class ResponseRig {
  readonly #server: Server
  readonly #connector = new Http1Connector()
  /** By path. */
  readonly #answers = new Map<string, { readonly bytes: Buffer; readonly closes: boolean }>()
  #count = 0

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (head: Buffer) => {
        const path = head.toString('latin1').split(' ')[1] ?? ''
        const answer = this.#answers.get(path)
        this.#answers.delete(path)
        if (answer === undefined) socket.destroy()
        else if (answer.closes) socket.end(answer.bytes)
        else socket.write(answer.bytes)
      })
    })
  }

  static async start(): Promise<ResponseRig> {
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ResponseRig(server)
  }

  /** Everything that is wrong with how one response is read; empty when all is well. */
  async judge({ text, cuts }: FuzzInput, method: string): Promise<string[]> {
    const bytes = Buffer.from(text, 'latin1')
    const transcript = readResponse([bytes], { method, closed: true })
    const problems = [...splitDifference(bytes, cuts, method, transcript)]
    const verdict = await askNode(method, bytes)
    const difference = differenceFromNode(text, transcript, verdict)
    if (difference !== null) problems.push(difference)
    // Over a socket, and left open if that is up to us.
    const closes = readResponse([bytes], { method }).state !== 'complete'
    this.#count += 1
    const id = `lane ${this.#count}`
    const first = await this.#ask(id, method, { bytes, closes })
    problems.push(...socketDifference(transcript, first))
    const mark = `canary ${this.#count}`
    const canary = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${mark.length}\r\n\r\n${mark}`)
    const second = await this.#ask(id, 'GET', { bytes: canary, closes: true })
    if (second.error || second.body !== mark || second.status !== 200)
      problems.push(`the next answer was ${JSON.stringify(second)}`)
    const isWhole = transcript.state === 'complete' && transcript.consumed === bytes.length
    if (second.reused && (!isWhole || closes || verdict === null))
      problems.push('the connection was used again behind a response that is not sound')
    return problems
  }

  async close(): Promise<void> {
    this.#connector.close()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #ask(
    id: string,
    method: string,
    answer: { readonly bytes: Buffer; readonly closes: boolean },
  ): Promise<Received> {
    const { port } = this.#server.address() as AddressInfo
    const path = `/${id.slice(5)}${answer.closes ? 'c' : 'o'}${this.#answers.size}`
    this.#answers.set(path, answer)
    const request = { method, target: path, headerBlock: 'Host: origin\r\n', body: { kind: 'none' } } as const
    return new Promise((resolve) => {
      let status = 0
      let body = ''
      const end = (error: boolean, trailers: string): void => {
        this.#answers.delete(path)
        resolve({ error, status, body, trailers, reused: exchange.reused })
      }
      const exchange = this.#connector.request(
        { id, host: '127.0.0.1', port },
        request,
        {
          onConnected: () => undefined,
          onRequestSent: () => undefined,
          onHead: (head) => {
            status = head.status
          },
          onBody: (chunk) => {
            body += Buffer.from(chunk).toString('latin1')
          },
          onEnd: (trailers) => end(false, trailers),
          onError: () => end(true, ''),
          onDrain: () => undefined,
        },
        TIMEOUTS,
      )
    })
  }
}

function* splitDifference(
  bytes: Buffer,
  cuts: readonly number[],
  method: string,
  whole: Transcript,
): Iterable<string> {
  const wanted = JSON.stringify(whole)
  const bytewise = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const places = [0, ...cuts.filter((at) => at < bytes.length), bytes.length]
  const pieces = places.slice(1).map((at, index) => bytes.subarray(places[index], at))
  for (const form of [bytewise, pieces.filter(({ length }) => length > 0)]) {
    const got = JSON.stringify(readResponse(form, { method, closed: true }))
    if (got !== wanted) yield `in ${form.length} pieces it is ${got}, whole ${wanted}`
  }
}

function socketDifference(transcript: Transcript, got: Received): string[] {
  if ((transcript.state === 'complete') === got.error)
    return [`over a socket: ${JSON.stringify(got)}, the reader said ${transcript.state}`]
  if (got.error) return []
  const { head, body, trailers } = transcript
  return got.status === head?.status && got.body === body && got.trailers === trailers
    ? []
    : [`over a socket: ${JSON.stringify(got)}, the reader said ${JSON.stringify(transcript)}`]
}

function shape(text: string): Shape {
  const { state, problem, head, interim, trailers, reusable } = readResponse([Buffer.from(text, 'latin1')])
  const isSized = head?.contentLength !== null
  const signature = JSON.stringify([
    state,
    problem,
    head?.status,
    isSized,
    interim.length,
    trailers === '',
    reusable,
  ])
  return { signature, isSound: state !== 'failed' }
}

/** Shows mutated responses to the connector for some time, and shortens what it finds. */
export async function fuzzResponses(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, seconds, mostFinds = 5, mostInputs = Number.POSITIVE_INFINITY } = options
  const random = new Random(seed)
  const corpus = new LiveCorpus(random, responseSeeds(), RESPONSE_WORDS, shape)
  const rig = await ResponseRig.start()
  const finds: Find[] = []
  const startMs = performance.now()
  let inputs = 0
  let accepted = 0
  try {
    while (performance.now() - startMs < seconds * 1000 && inputs < mostInputs && finds.length < mostFinds) {
      const round = Array.from({ length: ROUND }, () => {
        const input = corpus.next()
        return { input, method: random.below(8) === 0 ? 'HEAD' : 'GET' }
      })
      inputs += ROUND
      let next = 0
      const lane = async (): Promise<void> => {
        for (let it = round[next++]; it !== undefined; it = round[next++]) {
          const problems = await rig.judge(it.input, it.method)
          if (readResponse([Buffer.from(it.input.text, 'latin1')], { closed: true }).state === 'complete')
            accepted += 1
          if (problems.length > 0 && finds.length < mostFinds)
            finds.push(await shorten(rig, it.input, it.method))
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))
    }
  } finally {
    await rig.close()
  }
  const perSecond = Math.round(inputs / ((performance.now() - startMs) / 1000))
  return { seed, inputs, perSecond, accepted, corpus: corpus.size, finds }
}

async function shorten(rig: ResponseRig, input: FuzzInput, method: string): Promise<Find> {
  let problems: string[] = await rig.judge(input, method)
  const text = await shrink(input.text, async (shorter) => {
    const found = await rig.judge({ text: shorter, cuts: input.cuts }, method)
    if (found.length > 0) problems = found
    return found.length > 0
  })
  return { input: { text, cuts: input.cuts }, problems: [`to ${method}`, ...problems] }
}
