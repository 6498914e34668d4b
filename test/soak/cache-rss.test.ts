import { Agent } from 'node:http'
import { expect, it } from 'vitest'
import { watchMemory } from '../support/big-body.js'
import { GatewayProcess } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

const MIB = 1024 * 1024
const SIZE_MIB = Number(process.env['SOAK_CACHE_MIB'] ?? 256)
const CHURN = 10
const AT_ONCE = 32
const SIZES = [500, 4000, 16_000, 100_000, 1_000_000]

/** Most memory of a gateway through which ten times the capacity of the cache has gone, each answer once. Null: it cannot be seen. */
async function churn(origin: HttpOrigin, folder: 'cached' | 'plain'): Promise<number | null> {
  const gateway = await GatewayProcess.start({
    workers: 2,
    cache: { size: `${SIZE_MIB}MiB` },
    upstreams: { app: { peers: [origin.address] } },
    routes: [
      { match: { path: '/cached/*' }, upstream: 'app', cache: true },
      { match: { path: '/plain/*' }, upstream: 'app' },
    ],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const memory = watchMemory(() => gateway.rssBytes())
  try {
    let bytes = 0
    let next = 0
    const client = async (): Promise<void> => {
      while (bytes < CHURN * SIZE_MIB * MIB) {
        next += 1
        const answer = await fetchAnswer(gateway.port, `/${folder}/${next}`, { agent })
        expect(answer.status).toBe(200)
        bytes += answer.body.length
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, client))
    return memory.stop()
  } finally {
    memory.stop()
    agent.destroy()
    await gateway.close()
  }
}

it('under churn of ten times the capacity the gateway stays within 1.15 times the size of its cache and what it takes without', async () => {
  const bodies = SIZES.map((bytes) => Buffer.alloc(bytes, 'x'))
  const origin = await HttpOrigin.start((request, response) => {
    const body = bodies[Number(request.url?.split('/')[2]) % bodies.length] ?? ''
    response.writeHead(200, { 'cache-control': 'max-age=3600', 'content-length': body.length }).end(body)
  })
  try {
    const base = await churn(origin, 'plain')
    const most = await churn(origin, 'cached')
    if (base === null || most === null) {
      console.warn('memory was not checked: this system has no /proc')
      return
    }
    const grown = (most - base) / (SIZE_MIB * MIB)
    process.stdout.write(
      `cache of ${SIZE_MIB} MiB: RSS ${Math.round(most / MIB)} MiB, without ${Math.round(base / MIB)} MiB: ${grown.toFixed(3)} times its size\n`,
    )
    expect(most).toBeLessThan(1.15 * SIZE_MIB * MIB + base)
  } finally {
    await origin.close()
  }
}, 600_000)
