import { connect } from 'node:net'
import { turns } from '../support/turns.js'
import type { FuzzInput } from './live-corpus.js'

/** Silence after which an input is taken for one that gets no (further) answer, and where an answer is due. */
const SILENCE_MS = 60
const PATIENCE_MS = 2_000

/** What came back over the connection of one input. */
export interface ClientOutcome {
  readonly received: Buffer
  /** The server has closed it. */
  readonly closed: boolean
}

/**
 * An address of this machine that no other input has come from lately (127/8 belongs to the loopback interface as a whole on Linux): origin
 * and log name it, so that whatever arrives there, however late, is known by it.
 */
export function loopbackAddress(count: number): string {
  return `127.${16 + ((count >> 16) % 200)}.${(count >> 8) & 255}.${count & 255}`
}

/**
 * Sends one input in its segments over a connection of its own.
 * @param answers that are due: after so many it is not waited for more. 0: maybe one, maybe none
 */
export function sendInput(
  port: number,
  localAddress: string,
  { text, cuts }: FuzzInput,
  answers: number,
): Promise<ClientOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true, allowHalfOpen: true })
    const chunks: Buffer[] = []
    let closed = false
    let sent = false
    let heads = 0
    let timer: NodeJS.Timeout | null = null
    const finish = (): void => {
      if (timer !== null) clearTimeout(timer)
      timer = null
      // Answers in full are read in one piece: they are small. A reset leaves no port in TIME_WAIT.
      if (!closed) socket.resetAndDestroy()
      else socket.destroy()
      resolve({ received: Buffer.concat(chunks), closed })
    }
    const wait = (): void => {
      if (timer !== null) clearTimeout(timer)
      timer = setTimeout(finish, heads < answers ? PATIENCE_MS : SILENCE_MS)
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      heads += chunk.toString('latin1').split(/HTTP\/1\.1 [2-5]\d\d /).length - 1
      if (sent && answers > 0 && heads >= answers) setImmediate(finish)
      else if (sent) wait()
    })
    socket.on('end', () => {
      closed = true
      finish()
    })
    socket.on('error', () => {
      closed = true
    })
    socket.on('close', () => {
      closed = true
      finish()
    })
    socket.on('connect', () => {
      const bytes = Buffer.from(text, 'latin1')
      const places = [...new Set(cuts)].filter((at) => at > 0 && at < bytes.length)
      void (async () => {
        let from = 0
        for (const at of [...places, bytes.length]) {
          socket.write(bytes.subarray(from, at))
          if (at < bytes.length) await turns(4)
          from = at
        }
        sent = true
        wait()
      })()
    })
  })
}
