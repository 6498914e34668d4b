import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { eventually } from './eventually.js'

const SLOTS = 16_384
const MASTERS = 3

function findBinary(): string | null {
  for (const name of ['redis-server', 'valkey-server']) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' })
      return name
    } catch {
      // The next one.
    }
  }
  return null
}

const BINARY = findBinary()

/** Is there a server to test against? Says loudly what is left out when there is none. */
export function hasRedis(what: string): boolean {
  if (BINARY === null) {
    process.stderr.write(`\nNOT TESTED: ${what}: neither redis-server nor valkey-server is on the PATH\n`)
  }
  return BINARY !== null
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A client without the options of the store, to look and to meddle. */
export type Onlooker = Awaited<ReturnType<typeof connect>>

function connect(url: string) {
  return createClient({ url })
    .on('error', () => undefined)
    .connect()
}

/** A real server of its own on an ephemeral port, with its files in a directory of its own. */
export class RedisServer {
  readonly url: string
  readonly #child: ChildProcess
  readonly #directory: string
  #onlooker: Onlooker | null = null

  private constructor(
    readonly port: number,
    readonly busPort: number | null,
    child: ChildProcess,
    directory: string,
  ) {
    this.url = `redis://127.0.0.1:${port}`
    this.#child = child
    this.#directory = directory
  }

  static async start(options: { clustered?: boolean; port?: number } = {}): Promise<RedisServer> {
    if (BINARY === null) throw new Error('no redis-server')
    const port = options.port ?? (await freePort())
    const busPort = options.clustered === true ? await freePort() : null
    const directory = mkdtempSync(join(tmpdir(), 'headgate-redis-'))
    const cluster = busPort === null ? [] : ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)]
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...cluster]
    const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`redis-server ended: ${said}`)))
      child.stdout.on('data', (piece: Buffer) => {
        said += piece.toString()
        if (said.includes('Ready to accept connections')) resolve()
      })
    })
    child.removeAllListeners('exit')
    return new RedisServer(port, busPort, child, directory)
  }

  async client(): Promise<Onlooker> {
    this.#onlooker ??= await connect(this.url)
    return this.#onlooker
  }

  /** Stops answering, but keeps its connections; `resume` undoes it. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    this.#onlooker?.destroy()
    this.#onlooker = null
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await exited
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Three real masters that share the slots. */
export class RedisCluster {
  private constructor(readonly nodes: readonly RedisServer[]) {}

  get urls(): string[] {
    return this.nodes.map(({ url }) => url)
  }

  static async start(): Promise<RedisCluster> {
    const nodes = await Promise.all(
      Array.from({ length: MASTERS }, () => RedisServer.start({ clustered: true })),
    )
    const clients = await Promise.all(nodes.map((node) => node.client()))
    const share = Math.ceil(SLOTS / MASTERS)
    for (const [index, client] of clients.entries()) {
      await client.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)])
      const last = Math.min(SLOTS, (index + 1) * share) - 1
      await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', String(index * share), String(last)])
    }
    for (const node of nodes.slice(1)) {
      await clients[0]?.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(node.port), String(node.busPort)])
    }
    await eventually('every node sees the whole cluster', async () => {
      for (const client of clients) {
        const info = String(await client.sendCommand(['CLUSTER', 'INFO']))
        if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${MASTERS}`))
          return false
      }
      return true
    })
    return new RedisCluster(nodes)
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}
