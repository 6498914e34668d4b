import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const LISTENER =
  "const s=require('node:net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))"

/** How long a connection may take until the queue counts as full: loopback connects at once or not at all. */
const CONNECTED_MS = 300

/**
 * A port whose connections are never made: its process is stopped and its queue of connections full, so that the kernel drops further
 * SYNs (Linux).
 */
export class FullListener {
  readonly port: number
  readonly #child: ChildProcess
  readonly #sockets: Socket[]

  private constructor(port: number, child: ChildProcess, sockets: Socket[]) {
    this.port = port
    this.#child = child
    this.#sockets = sockets
  }

  static async start(): Promise<FullListener> {
    const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const port = Number(line.toString())
    child.kill('SIGSTOP')
    const sockets: Socket[] = []
    while (sockets.length < 100) {
      const socket = connect({ host: '127.0.0.1', port })
      sockets.push(socket)
      socket.on('error', () => undefined)
      const connected = await Promise.race([
        once(socket, 'connect').then(() => true),
        new Promise<boolean>((resolve) => setTimeout(resolve, CONNECTED_MS, false)),
      ])
      if (!connected) return new FullListener(port, child, sockets)
    }
    child.kill('SIGKILL')
    throw new Error('the queue is never full')
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
