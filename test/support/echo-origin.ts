import { HttpOrigin, readBody } from './http-origin.js'
import { RawClient } from './raw-client.js'
import type { ParsedResponse } from './response-parser.js'

/** A request as it reached an upstream. */
export interface Arrived {
  /** Name of the origin that it reached. */
  readonly origin: string
  readonly method: string
  readonly target: string
  /** Fields in lower case, every line of each. */
  readonly fields: Readonly<Record<string, readonly string[]>>
  readonly body: string
}

/** An origin that answers with what has arrived, and echoes the request's id as many do. */
export function startEchoOrigin(name = 'app'): Promise<HttpOrigin> {
  return HttpOrigin.start(async (request, response) => {
    const fields: Record<string, string[]> = {}
    for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
      const field = request.rawHeaders[i]?.toLowerCase() ?? ''
      fields[field] ??= []
      fields[field].push(request.rawHeaders[i + 1] ?? '')
    }
    const body = await readBody(request)
    const arrived: Arrived = {
      origin: name,
      method: request.method ?? '',
      target: request.url ?? '',
      fields,
      body: body.toString('latin1'),
    }
    response.setHeader('X-Request-Id', fields['x-request-id'] ?? [])
    response.end(JSON.stringify(arrived))
  })
}

/** Sends one request as it stands, with Host and an empty line added, and gives the answer. */
export async function ask(port: number, lines: string, host = 'app.test'): Promise<ParsedResponse> {
  const client = await RawClient.connect(port)
  try {
    const [line = '', ...fields] = lines.split('\n')
    const head = [`${line} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n')
    await client.send(head)
    const { responses } = await client.readResponses(1, [line.split(' ')[0] ?? ''])
    const [first] = responses
    if (first === undefined) throw new Error(`no answer to ${line}: ${client.text}`)
    return first
  } finally {
    await client.destroy()
  }
}

/** What an {@link startEchoOrigin} says has arrived. @throws Error when it was another answer */
export async function arrived(port: number, lines: string, host = 'app.test'): Promise<Arrived> {
  const answer = await ask(port, lines, host)
  if (answer.status !== 200) throw new Error(`${answer.status} to ${lines}`)
  return JSON.parse(Buffer.from(answer.body).toString('latin1')) as Arrived
}
