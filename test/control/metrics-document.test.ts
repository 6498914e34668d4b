import { readdirSync, readFileSync } from 'node:fs'
import parsePrometheusTextFormat from 'parse-prometheus-text-format'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin, refusedPort } from '../support/http-origin.js'

const DOCS = new URL('../../docs/', import.meta.url)
const filters = compileFilters(new URL('./filters/sign-in.ts', import.meta.url))
const PREFIX = 'headgate_'
/** Families that only some configurations have. */
const SOMETIMES = /^(?:ad|store)_/

interface Row {
  readonly names: readonly string[]
  readonly labels: readonly string[]
}

/** The table under `## Metrics`. */
function documented(): Row[] {
  const page = readFileSync(new URL('observability.md', DOCS), 'utf8')
  const [, section = ''] = page.split('\n## Metrics\n')
  return (section.split('\n## ')[0] ?? '').split('\n').flatMap((line) => {
    const [, names = '', labels = ''] = line.startsWith('| `') ? line.split('|') : []
    const found = [...names.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name)
    const words = [...labels.replace(/\(.*?\)/g, '').matchAll(/[a-z]+/g)].map(([word]) => word)
    return found.length === 0 ? [] : [{ names: found, labels: words.filter((word) => word !== 'or') }]
  })
}

/** The names of the project's conventions for metrics, with their labels; those of stores of caps and budgets come with routes that serve ads. */
const CONVENTIONS: Readonly<Record<string, readonly string[]>> = {
  requests_total: ['route', 'method', 'code'],
  request_duration_seconds: ['route', 'method', 'code'],
  overhead_seconds: ['route'],
  phase_duration_seconds: ['route', 'phase'],
  upstream_requests_total: ['upstream', 'code'],
  upstream_errors_total: ['upstream', 'reason'],
  upstream_retries_total: ['upstream'],
  upstream_connections: ['upstream', 'state'],
  upstream_healthy: ['upstream'],
  rejected_total: ['reason'],
  client_aborts_total: [],
  connections: [],
  requests_in_flight: [],
  queue_depth: ['worker'],
  cache_requests_total: ['route', 'status'],
  cache_bytes: [],
  cache_entries: [],
  cache_evictions_total: [],
  worker_up: ['worker'],
  worker_restarts_total: ['worker', 'reason'],
  worker_event_loop_utilization: ['worker'],
  worker_event_loop_delay_seconds: ['worker'],
  worker_heap_bytes: ['worker'],
  config_last_reload_successful: [],
  config_last_reload_success_timestamp_seconds: [],
  config_reloads_total: ['result'],
  build_info: ['version'],
  access_log_dropped_total: [],
}
/** Values that labels must have, whatever has happened. */
const VALUES: readonly (readonly [name: string, label: string, values: readonly string[]])[] = [
  ['rejected_total', 'reason', ['parse', 'limit', 'queue_full', 'overload', 'draining', 'host', 'auth']],
  ['phase_duration_seconds', 'phase', ['queue', 'filter', 'connect', 'ttfb', 'body', 'write']],
  ['cache_requests_total', 'status', ['hit', 'stale', 'miss', 'bypass', 'revalidated', 'collapsed']],
]

describe('the metrics that are documented', () => {
  let origin: HttpOrigin
  let gateway: InProcessGateway
  let text = ''
  const value = (name: string): number => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${PREFIX}${name} `))
    return Number(line?.split(' ').at(-1))
  }

  beforeAll(async () => {
    let asked = 0
    origin = await HttpOrigin.start((_, response) => {
      asked += 1
      response.writeHead(asked === 1 ? 503 : 200).end('ok')
    })
    gateway = await InProcessGateway.start({
      admin: '127.0.0.1:0',
      workers: 1,
      upstreams: {
        app: { peers: [origin.address] },
        dead: { peers: [`127.0.0.1:${await refusedPort()}`], retries: { max: 0 } },
      },
      routes: [
        { match: { path: '/dead' }, upstream: 'dead' },
        { match: { path: '/kept' }, upstream: 'app', cache: true },
        { match: { path: '/private' }, upstream: 'app', filters: [filters.path('sign-in')] },
        { match: { path: '/*' }, upstream: 'app' },
      ],
    })
    const statuses = []
    for (const path of ['/a', '/b', '/c', '/dead', '/dead'])
      statuses.push((await fetchAnswer(gateway.port, path)).status)
    expect(statuses).toEqual([503, 200, 200, 502, 502])
    expect((await fetchAnswer(gateway.port, '/private')).status).toBe(401)
    const headers = { authorization: 'Basic eA==' }
    expect((await fetchAnswer(gateway.port, '/private', { headers })).status).toBe(403)
    await gateway.settle()
    await eventually('what workers tell with their beat is there', async () => {
      const { admin } = gateway.gateway
      text = (await fetchAnswer(admin?.port ?? 0, '/metrics')).body.toString()
      return (
        text.includes('upstream_connections{upstream="app",state="idle"} 1') &&
        text.includes('request_duration_seconds_count{route="/dead",method="GET",code="502"} 2') &&
        text.includes('request_duration_seconds_count{route="/private",method="GET",code="403"} 1')
      )
    })
  })
  afterAll(async () => {
    await gateway.close()
    await origin.close()
    filters.remove()
  })

  it('are those of a scrape, with these labels', () => {
    const families = new Map(
      parsePrometheusTextFormat(text).map((family) => [family.name.slice(PREFIX.length), family]),
    )
    const rows = documented()
    expect(rows.flatMap(({ names }) => names).sort()).toEqual(
      [...families.keys()].filter((name) => !SOMETIMES.test(name)).sort(),
    )
    for (const { names, labels } of rows) {
      for (const name of names) {
        const samples = text.split('\n').filter((line) => line.startsWith(`${PREFIX}${name}{`))
        const found = new Set(
          samples.flatMap((line) => [...line.matchAll(/[{,]([a-z]+)="/g)].map(([, it]) => it)),
        )
        found.delete('le')
        for (const label of found) expect(labels, `${name} has the label ${label}`).toContain(label)
      }
    }
  })

  it('are all of the conventions, with exactly their labels', () => {
    for (const [name, labels] of Object.entries(CONVENTIONS)) {
      const line = text.split('\n').find((each) => new RegExp(`^${PREFIX}${name}(?:_count)?[{ ]`).test(each))
      const found = [...(line ?? '').matchAll(/[{,]([a-z]+)="/g)].map(([, label]) => label)
      expect({ name, isThere: line !== undefined, labels: found }).toEqual({ name, isThere: true, labels })
    }
    for (const [name, label, values] of VALUES)
      for (const value of values) expect(text).toMatch(new RegExp(`${name}\\S*[{,]${label}="${value}"`))
    // Who is known and not allowed is not counted as such.
    expect(text).toContain('headgate_rejected_total{reason="auth"} 1\n')
    expect(text).toContain('headgate_upstream_healthy{upstream="app"} 1\n')
  })

  it('have durations by method and code that count the same requests as requests_total', () => {
    const counts = (name: string): Map<string, string> =>
      new Map(
        text
          .split('\n')
          .filter((line) => line.startsWith(`${PREFIX}${name}{`))
          .map((line) => [line.slice(line.indexOf('{'), line.indexOf('}')), line.split(' ').at(-1) ?? '']),
      )
    expect(counts('request_duration_seconds_count')).toEqual(counts('requests_total'))
    expect(counts('requests_total').size).toBeGreaterThan(2)
  })

  it('have a family for each name that only some configurations have', () => {
    const pages = readdirSync(DOCS)
      .filter((name) => name.endsWith('.md'))
      .map((name) => readFileSync(new URL(name, DOCS), 'utf8'))
      .join('\n')
    const some = parsePrometheusTextFormat(text)
      .map(({ name }) => name.slice(PREFIX.length))
      .filter((name) => SOMETIMES.test(name))
    for (const name of some) expect(pages).toMatch(new RegExp(`\`(?:${PREFIX})?${name}`))
  })

  it('count attempts by upstream, and tell of the configuration', () => {
    expect(text).toContain('headgate_upstream_requests_total{upstream="app",code="200"} 2\n')
    expect(text).toContain('headgate_upstream_requests_total{upstream="app",code="503"} 1\n')
    expect(text).toContain('headgate_upstream_errors_total{upstream="dead",reason="connection_refused"} 2\n')
    expect(text).not.toContain('upstream_requests_total{upstream="dead"')
    expect(text).toContain('headgate_upstream_retries_total{upstream="dead"} 0\n')
    expect(text).toContain('headgate_worker_restarts_total{worker="0",reason="failed"} 0\n')
    expect(value('config_last_reload_success_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000 - 600)
    expect(value('config_hash')).toBeGreaterThan(0)
    expect(value('connections_opened_total')).toBeGreaterThanOrEqual(1)
  })
})
