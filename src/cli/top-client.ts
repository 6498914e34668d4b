import { get as getPlain } from 'node:http'
import { get as getSecure } from 'node:https'
import type { GatewayStats } from '../control/index.js'

const TIMEOUT_MS = 5000

/**
 * Asks an admin listener for `/stats.json`.
 * @param admin origin, e.g. `http://127.0.0.1:9901`
 * @throws Error that says what is wrong in one line
 */
export function fetchStats(admin: string, token: string | null): Promise<GatewayStats> {
  const get = admin.startsWith('https:') ? getSecure : getPlain
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const request = get(`${admin}/stats.json`, { headers, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) {
          const hint = response.statusCode === 401 ? ': the token is missing or wrong' : ''
          reject(new Error(`the admin listener answers ${response.statusCode}${hint}`))
          return
        }
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as GatewayStats)
        } catch {
          reject(new Error('what listens there is no admin listener'))
        }
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer within 5 s')))
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ECONNREFUSED' ? new Error('nobody listens there') : error),
    )
  })
}
