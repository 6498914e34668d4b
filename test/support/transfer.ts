import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Progress, pour, readSlowly, watchMemory } from './big-body.js'
import { GatewayProcess, type TestConfig } from './gateway.js'
import { queuedBytes } from './socket-queues.js'
import { startTransferOrigin } from './transfer-origin.js'

export interface TransferPlan {
  readonly acceptor: 'node' | 'uws'
  readonly direction: 'down' | 'up'
  readonly framing: 'length' | 'chunked'
  readonly totalBytes: number
  /** Bytes between two stops of the reader. */
  readonly sliceBytes: number
}

export interface TransferResult {
  readonly status: number
  readonly sentSha256: string
  readonly receivedSha256: string
  readonly receivedBytes: number
  /** How often the reader stopped. */
  readonly stops: number
  /** What the gateway held of the body at most at a stop, in bytes; null where that cannot be seen. */
  readonly heldBytes: number | null
  /** Most resident memory of the gateway's process, in bytes; null where it cannot be seen. */
  readonly rssBytes: number | null
  /** How the body was framed at its receiver. */
  readonly framing: string
}

/** Sends one large body through a gateway process of its own, to or from a reader that stops again and again. */
export async function runTransfer(plan: TransferPlan): Promise<TransferResult> {
  const { totalBytes, sliceBytes, framing } = plan
  const ports: number[] = []
  let stops = 0
  let heldBytes: number | null = 0
  const reading = {
    sliceBytes,
    sent: new Progress(),
    received: new Progress(),
    pending: () => queuedBytes(ports) ?? 0,
    onStop(underWayBytes: number): void {
      stops += 1
      const queued = queuedBytes(ports)
      if (queued === null || heldBytes === null) heldBytes = null
      else heldBytes = Math.max(heldBytes, underWayBytes - queued)
    },
  }
  const origin = await startTransferOrigin(reading)
  const config: TestConfig = {
    acceptor: plan.acceptor,
    workers: 1,
    client: { body: '60s', write: '60s' },
    upstreams: { app: { peers: [origin.address], timeouts: { headers: '600s', idle: '60s' } } },
  }
  const gateway = await GatewayProcess.start(config)
  const memory = watchMemory(() => gateway.rssBytes())
  const { port } = gateway
  ports.push(port, origin.port)
  try {
    const path = plan.direction === 'down' ? `/down/${framing}/${totalBytes}` : '/up'
    const method = plan.direction === 'down' ? 'GET' : 'POST'
    const headers = plan.direction === 'up' && framing === 'length' ? { 'content-length': totalBytes } : {}
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => undefined)
    if (plan.direction === 'up') await pour(totalBytes, outgoing, reading.sent)
    outgoing.end()
    const [answer] = await answered
    if (plan.direction === 'down') await readSlowly(answer, reading)
    else for await (const _ of answer);
    const answerFraming = answer.headers['transfer-encoding'] ?? 'length'
    return {
      status: answer.statusCode ?? 0,
      sentSha256: reading.sent.sha256(),
      receivedSha256: reading.received.sha256(),
      receivedBytes: reading.received.bytes,
      stops,
      heldBytes,
      rssBytes: memory.stop(),
      framing: plan.direction === 'down' ? answerFraming : String(answer.headers['x-framing']),
    }
  } finally {
    memory.stop()
    await gateway.close()
    await origin.close()
  }
}
