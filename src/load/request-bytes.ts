import type { LoadRequest } from './types.js'

/** A request as it is written, and what its answer must be read with. */
export interface PreparedRequest {
  readonly bytes: Buffer
  readonly isHead: boolean
}

/** Puts a request together once, for all the times that it is sent. @param host of the URL, with its port. */
export function prepareRequest(request: LoadRequest, host: string): PreparedRequest {
  const { method = 'GET', path, headers = {}, body = '' } = request
  const content = Buffer.from(body)
  const length = content.length > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH'
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${headers['Host'] ?? host}`,
    ...Object.entries(headers)
      .filter(([name]) => name !== 'Host')
      .map(([name, value]) => `${name}: ${value}`),
    ...(length ? [`Content-Length: ${content.length}`] : []),
  ]
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return { bytes: Buffer.concat([head, content]), isHead: method === 'HEAD' }
}
