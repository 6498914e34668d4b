import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEFAULT_ROUTE_CACHE } from '#src/cache/cache-config.js'
import { configJsonSchema } from '#src/config/index.js'
import { load } from './support.js'

const TEXT = readFileSync(new URL('../../docs/caching.md', import.meta.url), 'utf8')
const config = (cache: string, memory = ''): Record<string, string> => ({
  'headgate.yaml': `${memory}\nupstreams: { app: { peers: ['127.0.0.1:9000'] } }\nroutes: [{ upstream: app, cache: ${cache} }]\n`,
})

describe('cache in the configuration', () => {
  it('true means all defaults, and so does an empty section', async () => {
    const short = await load(config('true'))
    expect(short.config.routes[0]?.cache).toEqual(DEFAULT_ROUTE_CACHE)
    expect(short.config.cache).toEqual({ sizeBytes: 256 * 1024 ** 2, maxEntryBytes: 8 * 1024 ** 2 })
    expect((await load(config('{}'))).config.routes[0]?.cache).toEqual(DEFAULT_ROUTE_CACHE)
  })

  it('a route without one, or with false, has none, and without any there is no memory', async () => {
    const { config: none } = await load(config('false'))
    expect([none.routes[0]?.cache, none.cache]).toEqual([undefined, undefined])
  })

  it('single statuses go before classes, and those before the default', async () => {
    const { config: read } = await load(config('{ ttl: { default: 1m, 4xx: 2s, "404": 1s } }'))
    const ttl = read.routes[0]?.cache?.ttl ?? []
    const of = (status: number) => ttl.find(({ from, to }) => status >= from && status <= to)?.ms
    expect([of(404), of(410), of(200), of(500)]).toEqual([1000, 2000, 60_000, undefined])
  })

  it.each([
    ['{ ttl: { "206": 1s } }', /'206' is no status that can be stored/],
    ['{ ttl: { ok: 1s } }', /'ok' is no status/],
    ['{ keys: { headers: ["a b"] } }', /is not a header name/],
    ['{ methods: [POST] }', /expected 'GET' or 'HEAD'/],
    ['{ lock: 5s }', /false or \{ age, wait \}/],
    ['{ bypass: { headers: { "a b": true } } }', /is not a header name/],
    ['1', /expected/],
  ])('%s is a mistake', async (cache, message) => {
    await expect(load(config(cache))).rejects.toThrow(message)
  })

  it('an entry takes at most a quarter of the memory', async () => {
    const small = await load(config('true', 'cache: { size: 4MiB }'))
    expect(small.config.cache?.maxEntryBytes).toBe(1024 ** 2)
    await expect(load(config('true', 'cache: { size: 4MiB, maxEntrySize: 2MiB }'))).rejects.toThrow(
      /a quarter/,
    )
  })
})

describe('docs/caching.md', () => {
  it('has examples that the gateway accepts without a warning', async () => {
    const examples = [...TEXT.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect((await load({ 'headgate.yaml': example })).warnings).toEqual([])
  })

  it('names every option', () => {
    const schema = JSON.stringify(configJsonSchema())
    const options = [
      'size',
      'maxEntrySize',
      // The last one comes from `answers.cacheStatus`.
      ...Object.keys(DEFAULT_ROUTE_CACHE).filter((key) => key !== 'keys' && key !== 'showStatus'),
    ]
    for (const option of [
      ...options,
      'query',
      'sortQuery',
      'headers',
      'cookies',
      'allow',
      'whileRevalidate',
      'ifError',
    ]) {
      expect(TEXT, option).toMatch(new RegExp(`[\`.]${option}[\`.]`))
      expect(schema).toContain(`"${option}"`)
    }
  })
})
