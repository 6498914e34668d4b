import type { Transport, TransportRequest, TransportResponse } from '#src/ads/upstream/index.js'

export type Answer = string | { status?: number; body?: string; url?: string } | Error | 'never'

/** A transport that answers from a table by URL, without its query, and remembers what it was asked. */
export class MemoryDocuments implements Transport {
  readonly requests: TransportRequest[] = []
  closed = 0
  private readonly answers: Record<string, Answer>

  constructor(answers: Record<string, Answer>) {
    this.answers = answers
  }

  get urls(): string[] {
    return this.requests.map(({ url }) => url)
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(request)
    const answer = this.answers[request.url] ??
      this.answers[request.url.replace(/\?.*$/, '')] ?? { status: 404 }
    if (answer instanceof Error) throw answer
    if (answer === 'never') return new Promise(() => {})
    const {
      status = 200,
      body = '',
      url = request.url,
    } = typeof answer === 'string' ? { body: answer } : answer
    return { status, headers: {}, body: new TextEncoder().encode(body), url }
  }

  async close(): Promise<void> {
    this.closed += 1
  }

  async healthCheck(): Promise<boolean> {
    return this.closed === 0
  }
}

/** A VAST document around ads. */
export const vast = (...ads: string[]): string => `<VAST version="4.2">${ads.join('')}</VAST>`

/** An InLine with one of everything that is merged, named after `id`. */
export const inline = (id: string, attributes = '', more = ''): string =>
  `<Ad id="${id}" ${attributes}><InLine><AdSystem>t</AdSystem><AdTitle>${id}</AdTitle>${signals(id)}${more}<Creatives><Creative id="c-${id}"><Linear><Duration>00:00:15</Duration><MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="1" height="1">https://cdn.example/${id}.mp4</MediaFile></MediaFiles>${linear(id)}</Linear></Creative></Creatives></InLine></Ad>`

/** A wrapper to `to`. */
export const wrapper = (id: string, to: string, attributes = '', ad = '', more = ''): string =>
  `<Ad id="${id}" ${ad}><Wrapper ${attributes}><AdSystem>t</AdSystem><VASTAdTagURI><![CDATA[${to}]]></VASTAdTagURI>${signals(id)}${more}<Creatives><Creative><Linear>${linear(id)}</Linear></Creative></Creatives></Wrapper></Ad>`

const signals = (id: string): string =>
  `<Error><![CDATA[https://e.example/${id}?c=[ERRORCODE]]]></Error><Impression><![CDATA[https://i.example/${id}]]></Impression>`

const linear = (id: string): string =>
  `<TrackingEvents><Tracking event="start">https://t.example/${id}</Tracking></TrackingEvents><VideoClicks><ClickTracking>https://k.example/${id}</ClickTracking></VideoClicks>`
