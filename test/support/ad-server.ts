import type { IncomingHttpHeaders } from 'node:http'
import { HttpOrigin } from './http-origin.js'

export interface SeenAdRequest {
  readonly path: string
  readonly query: URLSearchParams
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An ad server whose documents a test gives; keeps what it was asked. */
export class AdServerUnderTest {
  readonly seen: SeenAdRequest[] = []
  readonly #origin: HttpOrigin

  private constructor(origin: HttpOrigin) {
    this.#origin = origin
  }

  /** @param answer document for a path, `null` for 204, or a promise of one */
  static async start(
    answer: (request: SeenAdRequest, base: string) => string | null | Promise<string | null>,
  ): Promise<AdServerUnderTest> {
    const origin = await HttpOrigin.start(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      const raw = request.url ?? '/'
      const url = new URL(raw, 'http://x')
      const seen: SeenAdRequest = {
        path: url.pathname,
        query: url.searchParams,
        url: raw,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      server.seen.push(seen)
      const document = await answer(seen, server.base)
      if (document === null) response.writeHead(204).end()
      else response.writeHead(200, { 'content-type': 'application/xml' }).end(document)
    })
    const server = new AdServerUnderTest(origin)
    return server
  }

  get base(): string {
    return `http://${this.#origin.address}`
  }

  /** What was asked at a path. */
  at(path: string): SeenAdRequest[] {
    return this.seen.filter((request) => request.path === path)
  }

  close(): Promise<void> {
    return this.#origin.close()
  }
}

/** A linear ad with trackers of its own. */
export function inlineVast(id: string, base: string, attributes = ''): string {
  return `<VAST version="4.2"><Ad id="${id}"${attributes}><InLine><AdSystem>t</AdSystem><AdTitle>t</AdTitle>
    <Impression><![CDATA[${base}/imp/${id}]]></Impression><Error><![CDATA[${base}/err/${id}?c=[ERRORCODE]]]></Error>
    <Creatives><Creative id="c-${id}"><Linear><Duration>00:00:05</Duration><MediaFiles>
    <MediaFile delivery="progressive" type="video/mp4" width="640" height="360"><![CDATA[${base}/v.mp4]]></MediaFile>
    </MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>`
}

/** A wrapper around another document. */
export function wrapperTo(uri: string, id: string, base: string): string {
  return `<VAST version="4.2"><Ad id="${id}"><Wrapper><AdSystem>t</AdSystem>
    <VASTAdTagURI><![CDATA[${uri}]]></VASTAdTagURI><Impression><![CDATA[${base}/imp/${id}]]></Impression>
    <Error><![CDATA[${base}/err/${id}?c=[ERRORCODE]]]></Error><Creatives/></Wrapper></Ad></VAST>`
}

export const EMPTY_VAST = '<VAST version="4.2"/>'

/** URLs of a document's impressions, in order. */
export function impressionsOf(xml: string): string[] {
  return [...xml.matchAll(/<Impression[^>]*><!\[CDATA\[(.*?)\]\]>/g)].map((match) => match[1] ?? '')
}
