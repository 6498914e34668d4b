import { rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ListenAddress } from '../config/types.js'

/** What the holder of a port does when another process wants to take its place. */
export interface ClaimHandler {
  /** It is about to listen: leave it whatever cannot be shared. */
  onTakeover(): Promise<void>
  /** It has gone without having listened. */
  onTakeoverFailed(): void
  /** It listens. */
  onReplaced(): void
}

/** The right to listen somewhere. The port itself is shared (SO_REUSEPORT), so the system would let anybody in. */
export interface PortClaim {
  /**
   * Listens there: where it was asked for, or at a port that is free. One that was found free may be taken by the time it is used; then another is found.
   * @param listen at this port. @throws what it throws
   */
  listen<Listening>(listen: (port: number) => Promise<Listening>): Promise<Listening>
  /** The acceptor listens: who listened before drains now, and whoever comes next meets this handler. */
  taken(port: number, handler: ClaimHandler): Promise<void>
  release(): void
}

const TAKEOVER = 'takeover\n'
const READY = 'ready\n'
const LISTENING = 'listening\n'
const RELEASED = 'released\n'
/** How long the one who listens there has for each step. */
const PATIENCE_MS = 10_000
/** Ports that were found free and had been taken when they were used. */
const MOST_TRIES = 5

/**
 * Claims an address for this process. The claim is a local socket named after the address: in Linux in the abstract namespace, which
 * goes with the process and is as wide as its ports are.
 * @param upgrade take the place of who has it; without it that is an error
 * @throws Error with code EADDRINUSE and the like, as listening itself would
 */
export async function claimPort(address: ListenAddress, upgrade: boolean): Promise<PortClaim> {
  const { host, port } = address
  if (port === 0) return new Claim(address, null, null)
  if (upgrade) {
    const former = await dial(nameOf(host, port))
    if (former !== null) {
      await ask(former, TAKEOVER, READY)
      return new Claim(address, null, former)
    }
  }
  const server = await hold(nameOf(host, port))
  if (server === null) throw inUse(host, port)
  try {
    await probe(address)
  } catch (error) {
    server.close()
    throw error
  }
  return new Claim(address, server, null)
}

class Claim implements PortClaim {
  readonly #address: ListenAddress
  #server: Server | null
  readonly #former: Socket | null

  constructor(address: ListenAddress, server: Server | null, former: Socket | null) {
    this.#address = address
    this.#server = server
    this.#former = former
  }

  async listen<Listening>(listen: (port: number) => Promise<Listening>): Promise<Listening> {
    if (this.#address.port !== 0) return listen(this.#address.port)
    for (let tries = 1; ; tries += 1) {
      // uWS shares no port that the system has chosen, so one is found beforehand.
      const port = await probe(this.#address)
      try {
        return await listen(port)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === MOST_TRIES) throw error
      }
    }
  }

  async taken(port: number, handler: ClaimHandler): Promise<void> {
    if (this.#former !== null) {
      await ask(this.#former, LISTENING, RELEASED)
      this.#former.destroy()
    }
    const { host } = this.#address
    this.#server ??= await hold(nameOf(host, port))
    if (this.#server === null) throw inUse(host, port)
    this.#server.on('connection', (socket) => void this.#answer(socket, handler))
  }

  release(): void {
    this.#former?.destroy()
    this.#server?.close()
    this.#server = null
  }

  async #answer(socket: Socket, handler: ClaimHandler): Promise<void> {
    let isReplaced = false
    socket.unref()
    try {
      if ((await heard(socket)) !== TAKEOVER) return
      socket.once('close', () => {
        if (!isReplaced) handler.onTakeoverFailed()
      })
      await handler.onTakeover()
      socket.write(READY)
      if ((await heard(socket)) !== LISTENING) return
      isReplaced = true
      const server = this.#server
      this.#server = null
      server?.close()
      socket.write(RELEASED)
      handler.onReplaced()
    } catch {
      // It has gone.
    } finally {
      if (!isReplaced) socket.destroy()
    }
  }
}

function nameOf(host: string, port: number): string {
  const name = `headgate-${host}-${port}`
  // A file that is left behind by a process that was killed is removed by the next one.
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name.replaceAll(':', '_')}.sock`)
}

/** The socket of that name, or null when another process has it. */
async function hold(name: string): Promise<Server | null> {
  const server = createServer()
  server.unref()
  const listen = (): Promise<NodeJS.ErrnoException | null> =>
    new Promise((resolve) => {
      server.once('error', resolve)
      server.listen({ path: name }, () => {
        server.off('error', resolve)
        resolve(null)
      })
    })
  let error = await listen()
  if (error?.code === 'EADDRINUSE' && !name.startsWith('\0')) {
    const holder = await dial(name)
    holder?.destroy()
    if (holder === null) {
      rmSync(name, { force: true })
      error = await listen()
    }
  }
  if (error === null) return server
  if (error.code === 'EADDRINUSE') return null
  throw error
}

/** Who holds the socket of that name, or null. */
function dial(name: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ path: name })
    socket.once('error', () => resolve(null))
    socket.once('connect', () => {
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

/** @throws Error when the other one says something else, or nothing */
async function ask(socket: Socket, question: string, expected: string): Promise<void> {
  socket.write(question)
  const answer = await heard(socket)
  if (answer === expected) return
  socket.destroy()
  throw new Error('the gateway that listens there does not let itself be replaced')
}

/** The next word; '' when there is none in time. */
function heard(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const done = (text: string): void => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve(text)
    }
    const onData = (bytes: Buffer): void => done(bytes.toString('latin1'))
    const onClose = (): void => done('')
    const timer = setTimeout(() => done(''), PATIENCE_MS)
    socket.on('data', onData)
    socket.on('close', onClose)
  })
}

/** Does anybody else listen there, of whatever kind? @returns the port. @throws what listening fails with */
function probe({ host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      const { port: found } = server.address() as AddressInfo
      server.close(() => resolve(found))
    })
  })
}

function inUse(host: string, port: number): Error {
  const error = new Error(`listen EADDRINUSE: address already in use ${host}:${port}`)
  return Object.assign(error, { code: 'EADDRINUSE', port })
}
