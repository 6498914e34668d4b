import { createAcceptor } from '#src/acceptor/index.js'
import type {
  Acceptor,
  AcceptorLimits,
  AcceptorOptions,
  AcceptorTimeouts,
  AcceptorTls,
  Refusal,
} from '#src/acceptor/types.js'
import { PINNED_BINARIES } from '#src/acceptor/uws/binaries.js'
import { RawClient } from './raw-client.js'
import { type AnswerTime, type Application, RecordingHandler } from './recording-handler.js'
import type { SeenRequest } from './seen-request.js'
import { strictProblems } from './strict-request.js'
import type { Subject } from './subject.js'
import { tlsFixture } from './tls-fixtures.js'
import { turns } from './turns.js'

export type AcceptorKind = 'node' | 'uws'

/** The acceptors promised on this platform. Where a binary of uWebSockets.js is pinned, uws must load, or its tests fail. */
export const ACCEPTOR_KINDS: readonly AcceptorKind[] = hasUwsBinary() ? ['node', 'uws'] : ['node']
if (!ACCEPTOR_KINDS.includes('uws')) {
  console.warn('SKIPPED: everything over the uws acceptor, for which there is no binary on this platform')
}

function hasUwsBinary(): boolean {
  const { platform, arch, versions } = process
  if (!PINNED_BINARIES.has(`uws_${platform}_${arch}_${versions.modules}.node`)) return false
  if (platform !== 'linux') return true
  // The binaries for Linux are made for glibc; musl has none.
  const { header } = process.report.getReport() as {
    readonly header: { readonly glibcVersionRuntime?: string }
  }
  return header.glibcVersionRuntime !== undefined
}

export interface AcceptorUnderTestOptions {
  readonly limits?: Partial<AcceptorLimits>
  readonly timeouts?: Partial<AcceptorTimeouts>
  /** Default `close`. */
  readonly chunked?: AcceptorOptions['chunked']
  /** Default: {@link answerOf}. */
  readonly application?: Application
  /** When the application is called. Default `complete`. */
  readonly answerTime?: AnswerTime
  /** Default 0, ephemeral. */
  readonly port?: number
  /** It speaks TLS, with the certificate for `localhost`. Default false. */
  readonly secure?: boolean
}

/** The documented defaults of the acceptor. */
export const DEFAULT_LIMITS: AcceptorLimits = {
  headerBytes: 16_384,
  headerCount: 100,
  targetBytes: 8_192,
  bodyBytes: 0,
  connections: 10_000,
}
export const DEFAULT_TIMEOUTS: AcceptorTimeouts = { idleMs: 10_000, bodyMs: 10_000, writeMs: 30_000 }

const LOCALHOST_TLS: AcceptorTls = {
  certificates: [{ hosts: [], cert: tlsFixture('localhost.crt').pem, key: tlsFixture('localhost.key').pem }],
  minVersion: 'TLSv1.2',
  ciphers: null,
  clientAuth: null,
}

/** An acceptor on an ephemeral port of 127.0.0.1, on the main thread of the test process, with its recording owner. */
export class AcceptorUnderTest implements Subject {
  readonly kind: AcceptorKind
  readonly acceptor: Acceptor
  readonly handler: RecordingHandler
  readonly secure: boolean

  private constructor(kind: AcceptorKind, acceptor: Acceptor, handler: RecordingHandler, secure: boolean) {
    this.secure = secure
    this.kind = kind
    this.acceptor = acceptor
    this.handler = handler
  }

  static async start(kind: AcceptorKind, options: AcceptorUnderTestOptions = {}): Promise<AcceptorUnderTest> {
    const handler = new RecordingHandler(options.application ?? null, options.answerTime ?? 'complete')
    const acceptor = await createAcceptor(
      kind,
      {
        host: '127.0.0.1',
        port: options.port ?? 0,
        limits: { ...DEFAULT_LIMITS, ...options.limits },
        timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
        chunked: options.chunked ?? 'close',
        upgrades: ['websocket'],
        ...(options.secure === true ? { tls: LOCALHOST_TLS } : {}),
      },
      handler,
    )
    if (acceptor.kind !== kind) throw new Error(`asked for ${kind}, got ${acceptor.kind}`)
    return new AcceptorUnderTest(kind, acceptor, handler, options.secure === true)
  }

  get port(): number {
    return this.acceptor.port
  }

  get seen(): readonly SeenRequest[] {
    return this.handler.seen
  }

  get refusals(): readonly Refusal[] {
    return this.handler.refusals
  }

  get breaches(): readonly string[] {
    return this.handler.breaches
  }

  problems(): string[] {
    return [...this.handler.breaches, ...this.handler.seen.flatMap(strictProblems)]
  }

  reset(): void {
    this.handler.reset()
  }

  async settle(): Promise<void> {
    await turns(16)
  }

  async until(test: () => boolean, timeoutMs?: number): Promise<boolean> {
    return await this.handler.until(test, timeoutMs)
  }

  async close(): Promise<void> {
    await this.acceptor.close()
  }
}

/** Runs a test with one client of one acceptor, which must not have broken its contract at the end. */
export async function withClient(
  kind: AcceptorKind,
  options: Parameters<typeof AcceptorUnderTest.start>[1],
  run: (client: RawClient, subject: AcceptorUnderTest) => Promise<void>,
): Promise<void> {
  const subject = await AcceptorUnderTest.start(kind, options)
  const client = await RawClient.connect(subject.port)
  try {
    await run(client, subject)
    if (subject.breaches.length > 0) throw new Error(subject.breaches.join('\n'))
  } finally {
    await client.destroy()
    await subject.close()
  }
}
