import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { UserConfig } from '#src/config/index.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer, type HttpRequest } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

type RouteInput = NonNullable<UserConfig['routes']>[number]

/** What the origin has been asked. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

/** A gateway with a cache in front of an origin that each test tells what to answer. */
export class CacheBench {
  readonly gateway: InProcessGateway
  readonly origin: HttpOrigin
  readonly asked: Asked[]
  #handler: { run: OriginAnswer }

  private constructor(
    gateway: InProcessGateway,
    origin: HttpOrigin,
    asked: Asked[],
    handler: { run: OriginAnswer },
  ) {
    this.gateway = gateway
    this.origin = origin
    this.asked = asked
    this.#handler = handler
  }

  static async start(
    cache: RouteInput['cache'] = true,
    config: Partial<TestConfig> = {},
    route: Partial<RouteInput> = {},
  ): Promise<CacheBench> {
    const asked: Asked[] = []
    const handler: { run: OriginAnswer } = { run: (_, response) => void response.end() }
    const origin = await HttpOrigin.start((request, response) => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
      return handler.run(request, response)
    })
    const gateway = await InProcessGateway.start({
      cache: { size: '32MiB', maxEntrySize: '4MiB' },
      upstreams: { app: { peers: [origin.address], retries: { max: 0 } } },
      routes: [{ upstream: 'app', ...(cache === undefined ? {} : { cache }), ...route }],
      ...config,
    })
    return new CacheBench(gateway, origin, asked, handler)
  }

  /** What the origin answers from now on; forgets what it has been asked. */
  answers(run: OriginAnswer): void {
    this.asked.length = 0
    this.#handler.run = run
  }

  /** The same answer for all. */
  always(headers: OutgoingHttpHeaders, body = 'body', status = 200): void {
    this.answers((_, response) => {
      const length = status === 304 ? {} : { 'content-length': Buffer.byteLength(body) }
      response.writeHead(status, { ...length, ...headers })
      response.end(body)
    })
  }

  get(path: string, headers: OutgoingHttpHeaders = {}, request: HttpRequest = {}): Promise<HttpAnswer> {
    return fetchAnswer(this.gateway.port, path, { headers: { host: 'example.com', ...headers }, ...request })
  }

  async close(): Promise<void> {
    await this.gateway.close()
    await this.origin.close()
  }
}

export type OriginAnswer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** What the gateway's cache says of an answer. */
export function cacheStatus(answer: HttpAnswer): string {
  return String(answer.headers['cache-status'])
}

/** The words of Cache-Status without its numbers. */
export function verdict(answer: HttpAnswer): string {
  return cacheStatus(answer)
    .replace('headgate; ', '')
    .replace(/; (?:ttl|key|fwd-status)=[^;]*/g, '')
}
