import type { RouteConfig } from '../config/types.js'
import { Router } from '../dispatch/index.js'
import { type FieldCondition, parsePathPattern, type Segment } from '../routing/index.js'
import type { SampleRequest } from './parse-request.js'

/** What a parameter, a star and a condition without value stand for. */
const FILLER = 'tune'

/**
 * A request for each route that has an upstream, made from what the route matches. Routes that answer by themselves never wake a
 * worker, and those whose request another route would take are left out.
 */
export function sampleRequests(routes: readonly RouteConfig[]): SampleRequest[] {
  const router = new Router(routes)
  const samples: SampleRequest[] = []
  for (const [index, route] of routes.entries()) {
    if (route.upstream === null && route.split === undefined) continue
    const request = requestFor(route)
    const { method = 'GET', path, headers = {} } = request
    const { Host: host = '', ...others } = headers
    const block = Object.entries(others).map(([name, value]) => `${name}: ${value}\r\n`)
    if (router.match(method, host, path, block.join('')) === index) samples.push(request)
  }
  return samples
}

function requestFor({ name, match }: RouteConfig): SampleRequest {
  const { host, path, methods, headers = [], query = [] } = match
  const { segments, rest } = parsePathPattern(path)
  const parts = segments.flatMap(sampleSegment)
  const search = query.flatMap((condition) => {
    const value = valueFor(condition)
    return value === null ? [] : [`${encodeURIComponent(condition.name)}=${encodeURIComponent(value)}`]
  })
  const fields: Record<string, string> = {}
  if (host !== null) fields['Host'] = host.startsWith('*.') ? `${FILLER}${host.slice(1)}` : host
  for (const condition of headers) {
    const value = valueFor(condition)
    if (value !== null) fields[condition.name] = value
  }
  return {
    route: name,
    method: methods === null || methods.includes('GET') ? 'GET' : (methods[0] ?? 'GET'),
    path: `/${parts.join('/')}${rest && parts.length > 0 ? '/' : ''}${search.length > 0 ? `?${search.join('&')}` : ''}`,
    ...(Object.keys(fields).length > 0 && { headers: fields }),
  }
}

/** A deep segment may stand for none. */
function sampleSegment(segment: Segment): string[] {
  switch (segment.kind) {
    case 'literal':
      return [segment.text]
    case 'param':
      return [FILLER]
    case 'glob':
      return [segment.parts.join(FILLER)]
    case 'deep':
      return []
  }
}

/** Null: it must not be there. */
function valueFor({ op, value }: FieldCondition): string | null {
  if (op === 'absent') return null
  return op === 'present' ? FILLER : value
}
