import { createClient } from '@redis/client'
import type { StreamClient } from '../analytics/index.js'
import type { AdLogger } from '../context/index.js'

const LONGEST_WAIT_MS = 5000
const CONNECT_TIMEOUT_MS = 1000

/** A connection for events, made in the background and made again when it is lost. Meanwhile commands fail, and the queue repeats them. */
export function streamClient(url: string, logger: AdLogger): StreamClient {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(LONGEST_WAIT_MS, 50 * 2 ** Math.min(10, retries)),
    },
  })
  let isLost = false
  client.on('error', (err: unknown) => {
    if (!isLost) logger.warn({ err }, 'the connection of an event sink is lost')
    isLost = true
  })
  client.on('ready', () => {
    isLost = false
  })
  const connecting = client.connect().catch(() => undefined)
  return {
    async sendCommand(args) {
      return await client.sendCommand(args)
    },
    async close() {
      if (client.isReady) await client.close()
      else client.destroy()
      await connecting
    },
  }
}
