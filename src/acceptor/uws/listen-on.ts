import { createServer } from 'node:net'
import type { UwsApp, UwsListenSocket } from './native-types.js'

/** @returns false: it did not work, see {@link listenError} */
export function listenOn(
  app: UwsApp,
  host: string,
  port: number,
  flags: number,
): Promise<UwsListenSocket | false> {
  return new Promise((resolve) => {
    app.listen(host, port, flags, resolve)
  })
}

/** uWS only says that listening failed; Node is asked for the reason. */
export function listenError(host: string, port: number): Promise<Error> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        const error = new Error(`listen EADDRINUSE: address already in use ${host}:${port}`)
        resolve(Object.assign(error, { code: 'EADDRINUSE' }))
      })
    })
  })
}
