import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AccessRules, refuse } from './access.js'
import { type AdminAnswer, type AdminStream, type Endpoint, matchPath, problem, text } from './endpoint.js'

/** Only what this listener serves itself runs or is shown; nothing may frame it. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': PAGE_POLICY,
}

/** The admin listener: a table of endpoints behind the rules of access. */
export function createAdminServer(endpoints: readonly Endpoint[], rules: AccessRules): Server {
  return createServer((request, response) => {
    // Bodies mean nothing here.
    request.resume()
    respond(request, response, endpoints, rules).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else send(request, response, problem(500, error instanceof Error ? error.message : String(error)))
    })
  })
}

/** The endpoints that have something to say about themselves, one a line. */
export function endpointList(endpoints: readonly Endpoint[]): string {
  const rows = endpoints.flatMap(({ method, path, about }) =>
    about === undefined ? [] : [[`${method} ${path}`, about] as const],
  )
  const width = Math.max(...rows.map(([head]) => head.length))
  return `headgate admin\n${rows.map(([head, about]) => `  ${head.padEnd(width)}  ${about}\n`).join('')}`
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  endpoints: readonly Endpoint[],
  rules: AccessRules,
): Promise<void> {
  const url = request.url ?? '/'
  const path = url.split('?')[0] ?? '/'
  const found = endpoints.flatMap((endpoint) => {
    const params = matchPath(endpoint.path, path)
    return params === null ? [] : [{ endpoint, params }]
  })
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const chosen = found.find(({ endpoint }) => endpoint.method === method)
  const refusal = refuse(request, rules, chosen?.endpoint.open !== true)
  if (refusal !== null) {
    // The name lets browsers ask for a password, which the token is.
    const headers = refusal.status === 401 ? { 'www-authenticate': 'Basic realm="headgate admin"' } : {}
    send(request, response, { ...problem(refusal.status, refusal.message), headers })
    return
  }
  if (chosen === undefined) {
    send(request, response, missing(found, endpoints))
    return
  }
  const query = new URLSearchParams(url.slice(path.length + 1))
  const accept = request.headers.accept ?? ''
  const answer = await chosen.endpoint.answer({ query, params: chosen.params, accept })
  if ('body' in answer) send(request, response, answer)
  else stream(request, response, answer)
}

function missing(
  found: readonly { readonly endpoint: Endpoint }[],
  endpoints: readonly Endpoint[],
): AdminAnswer {
  if (found.length === 0) return text(endpointList(endpoints), 404)
  const allow = [...new Set(found.map(({ endpoint }) => endpoint.method))].join(', ')
  return { ...problem(405, `${allow} only`), headers: { allow } }
}

function send(request: IncomingMessage, response: ServerResponse, answer: AdminAnswer): void {
  response.writeHead(answer.status, { ...COMMON_HEADERS, 'content-type': answer.type, ...answer.headers })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

function stream(request: IncomingMessage, response: ServerResponse, answer: AdminStream): void {
  response.writeHead(200, { ...COMMON_HEADERS, 'content-type': answer.type })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  const stop = answer.start(response)
  response.once('close', stop)
}
