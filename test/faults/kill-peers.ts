import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { InProcessGateway } from '../support/gateway.js'
import { keepAliveAgent, send } from '../support/http-client.js'

/** How long a peer is gone, and how long all are there until the next one goes. */
const DOWN_MS = 400
const UP_MS = 250
/** Of an answer, so that some are under way whenever a peer dies. */
const ANSWER_MS = 5
const LANES = 12

/** A server that can die at any moment, with all its connections, and come back at the same port. */
class MortalOrigin {
  port = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null

  async live(): Promise<void> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      request.resume()
      setTimeout(() => response.end('fine'), ANSWER_MS)
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server = server
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
  }

  async die(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await once(server, 'close')
  }
}

/** What became of the load. */
export interface PeerKills {
  readonly kills: number
  readonly requests: number
  /** Outcomes other than 200, as text. */
  readonly failures: readonly string[]
  readonly retries: number
}

/** Under a load of idempotent requests kills one of three peers after the other, and brings each back. */
export async function killPeers(durationMs: number, workers = 2): Promise<PeerKills> {
  const origins = [new MortalOrigin(), new MortalOrigin(), new MortalOrigin()]
  for (const origin of origins) await origin.live()
  const peers = origins.map(({ port }) => `127.0.0.1:${port}`)
  const gateway = await InProcessGateway.start({ workers, upstreams: { app: { peers } } })
  const agent = keepAliveAgent(LANES)
  const failures: string[] = []
  let isOver = false
  let requests = 0
  let kills = 0
  const lane = async (put: boolean): Promise<void> => {
    const what = put ? { method: 'PUT', body: 'x'.repeat(2000), agent } : { agent }
    while (!isOver) {
      const outcome = await send(gateway.port, '/', what)
      requests += 1
      if (outcome.kind === 'broken-off') failures.push(`broken off: ${outcome.code}`)
      else if (outcome.status !== 200)
        failures.push(`${outcome.status} ${outcome.headers['proxy-status'] ?? ''}`)
    }
  }
  const lanes = Array.from({ length: LANES }, (_, index) => lane(index % 3 === 0))
  const endMs = performance.now() + durationMs
  while (performance.now() < endMs) {
    const origin = origins[kills % origins.length]
    kills += 1
    await origin?.die()
    await new Promise((resolve) => setTimeout(resolve, DOWN_MS))
    await origin?.live()
    await new Promise((resolve) => setTimeout(resolve, UP_MS))
  }
  isOver = true
  await Promise.all(lanes)
  agent.destroy()
  const { counters } = await gateway.settle()
  await gateway.close()
  for (const origin of origins) await origin.die()
  return { kills, requests, failures, retries: counters.retries }
}
