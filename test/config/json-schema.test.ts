// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the config have this form
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configJsonSchema } from '#src/config/index.js'
import { knownKeys, schemaAt } from '#src/config/json-schema.js'
import { load, problemsOf } from './support.js'

/** The schema as an editor reads it: text to JSON and back into a validator, with nothing of ours in between. */
const validator = z.fromJSONSchema(JSON.parse(JSON.stringify(configJsonSchema())))

const accepts = (value: unknown) => validator.safeParse(value).success

const app = { app: { peers: ['127.0.0.1:9000'] } }

describe('the JSON Schema', () => {
  it('is draft 2020-12 with a title and an id', () => {
    expect(configJsonSchema()).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:headgate:config',
      title: 'Headgate configuration',
      type: 'object',
      additionalProperties: false,
      required: ['upstreams'],
    })
  })

  it('accepts the example', () => {
    const text = readFileSync(new URL('../../examples/headgate.yaml', import.meta.url), 'utf8')
    expect(validator.safeParse(parse(text)).error?.issues ?? []).toEqual([])
  })

  it('describes every key and has a default or a requirement for every one that is not optional', () => {
    const missing: string[] = []
    const visit = (schema: ReturnType<typeof configJsonSchema>, path: string): void => {
      for (const [key, part] of Object.entries(schema.properties ?? {})) {
        if (part.description === undefined) missing.push(`${path}${key}`)
        visit(part, `${path}${key}.`)
      }
      if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, `${path}*.`)
      if (schema.items !== undefined) visit(schema.items, `${path}[].`)
      for (const branch of schema.anyOf ?? []) visit(branch, path)
    }
    visit(configJsonSchema(), '')
    expect(missing).toEqual([])
  })

  // What an editor says and what the gateway does must agree.
  it.each<[string, unknown]>([
    ['the least', { upstreams: app }],
    ['ports as numbers', { upstreams: app, listen: 8080, admin: 9901 }],
    ['IPv6', { upstreams: { app: { peers: ['[::1]:80', 'https://[::1]'] } }, listen: '[::]:80' }],
    ['admin off', { upstreams: app, admin: false }],
    [
      'auto and none',
      {
        upstreams: app,
        workers: 'auto',
        limits: { body: 'none' },
        workerLimits: { heap: 0, watchdog: 'none' },
      },
    ],
    [
      'units',
      { upstreams: app, limits: { url: '4KB', header: '1.5KiB' }, client: { idle: '1.5s', body: '1m' } },
    ],
    ['the long form of a peer', { upstreams: { app: { peers: [{ address: 'unix:/x' }] } } }],
    [
      'a filter with options',
      { upstreams: app, routes: [{ upstream: 'app', filters: [{ use: 'headers', with: { a: [1] } }] }] },
    ],
    [
      'matches',
      {
        upstreams: app,
        routes: [{ upstream: 'app', match: { host: '*.a.b', path: '/a/*', method: ['GET'] } }],
      },
    ],
  ])('accepts what the gateway accepts: %s', async (_, value) => {
    expect(accepts(value)).toBe(true)
    await load({ 'headgate.json': JSON.stringify(value) })
  })

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['an unknown key', { upstreams: app, x: 1 }],
    ['an unknown key inside', { upstreams: { app: { peers: ['a:1'], weight: 1 } } }],
    ['no unit', { upstreams: app, client: { idle: 10 } }],
    ['a wrong unit', { upstreams: app, limits: { url: '4K' } }],
    ['a wrong choice', { upstreams: app, acceptor: 'nginx' }],
    ['a peer with a path', { upstreams: { app: { peers: ['http://a/b'] } } }],
    ['no peers', { upstreams: { app: { peers: [] } } }],
    ['a path without slash', { upstreams: app, routes: [{ upstream: 'app', match: { path: 'a' } }] }],
    ['two stars inside', { upstreams: app, routes: [{ upstream: 'app', match: { path: '/a**' } }] }],
    ['a method in lower case', { upstreams: app, routes: [{ upstream: 'app', match: { method: ['get'] } }] }],
    ['a fraction of a worker', { upstreams: app, workers: 1.5 }],
    ['a bad name', { upstreams: { 'a b': { peers: ['a:1'] } } }],
  ])('refuses what the gateway refuses: %s', async (_, value) => {
    expect(accepts(value)).toBe(false)
    expect((await problemsOf({ 'headgate.json': JSON.stringify(value) })).length).toBeGreaterThan(0)
  })

  it('lets references stand for any value', () => {
    const value = {
      listen: '${HOST}:${PORT}',
      workers: '${WORKERS}',
      acceptor: '${ACCEPTOR:-auto}',
      limits: { header: '${HEADER}', headerCount: '${COUNT}' },
      client: { idle: '${IDLE:-10s}' },
      log: { access: '${ACCESS}' },
      upstreams: { app: { peers: ['${PEER}', 'http://${HOST}:80'] } },
    }
    expect(validator.safeParse(value).error?.issues ?? []).toEqual([])
  })
})

describe('looking into the schema', () => {
  const keysAt = (...path: (string | number)[]) => knownKeys(schemaAt(configJsonSchema(), path) ?? {})

  it('finds the keys of sections, of named entries, and of entries that have two forms', () => {
    expect(keysAt('drain')).toEqual(['timeout', 'delay'])
    expect(keysAt('upstreams', 'any', 'pool')).toEqual(['maxIdle', 'idle', 'maxAge'])
    expect(keysAt('routes', 3, 'filters', 0)).toEqual(['use', 'with'])
    expect(keysAt('upstreams', 'any', 'peers', 0)).toEqual([
      'address',
      'weight',
      'maxConnections',
      'maintenance',
    ])
  })

  it('finds nothing where nothing may stand', () => {
    expect(keysAt('nowhere', 'at', 'all')).toEqual([])
    expect(keysAt('listen', 0)).toEqual([])
  })
})
