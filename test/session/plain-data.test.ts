import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '#src/config/index.js'
import { assertPlainData, NotPlainData } from '#src/config/plain-data.js'
import { startGateway } from '#src/supervisor/index.js'

class Table {
  rows = 1
  lookup(): number {
    return this.rows
  }
}

describe('assertPlainData', () => {
  it.each<[string, unknown]>([
    ['primitives', [1, 'a', true, null, undefined, 10n]],
    ['objects', { a: { b: [{ c: 1 }] } }],
    ['objects without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['dates and patterns', { at: new Date(0), like: /a/ }],
    ['maps and sets', new Map([['a', new Set([1])]])],
    [
      'buffers',
      [new Uint8Array(1), new ArrayBuffer(1), new SharedArrayBuffer(1), new DataView(new ArrayBuffer(1))],
    ],
  ])('A-45 takes %s, which arrive as they are', (_what, value) => {
    expect(() => assertPlainData(value, 'x')).not.toThrow()
    expect(structuredClone(value)).toEqual(value)
  })

  it('A-45 takes a structure that holds itself', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    expect(() => assertPlainData(loop, 'x')).not.toThrow()
  })

  it.each<[unknown, string]>([
    [{ a: { lookup: () => 1 } }, "with.a.lookup: the function 'lookup' cannot travel to worker threads"],
    [{ list: [1, new Table()] }, 'with.list[1]: an instance of Table cannot travel to worker threads'],
    [{ a: Symbol('s') }, 'with.a: a symbol cannot travel to worker threads'],
    [{ [Symbol('s')]: 1 }, 'with: a field with a symbol for a name cannot travel to worker threads'],
    [{ a: new Map([['k', () => 1]]) }, 'with.a[k]: a function cannot travel to worker threads'],
    [{ a: new Error('e') }, 'with.a: an instance of Error cannot travel to worker threads'],
    [{ a: Promise.resolve() }, 'with.a: an instance of Promise cannot travel to worker threads'],
    [{ a: Buffer.from('a') }, 'with.a: an instance of Buffer cannot travel to worker threads'],
    [{ a: new URL('http://a') }, 'with.a: an instance of URL cannot travel to worker threads'],
    [
      {
        get now() {
          return Date.now()
        },
      },
      'with.now: an accessor cannot travel to worker threads',
    ],
  ])('A-45 refuses with a clear message (%#)', (value, message) => {
    expect(() => assertPlainData(value, 'with')).toThrow(NotPlainData)
    expect(() => assertPlainData(value, 'with')).toThrow(message)
  })
})

describe('options of a filter', () => {
  it('A-45 with a class instance, which a clone would strip silently, never reach a worker', async () => {
    const { config } = await loadConfig({
      file: null,
      overrides: { listen: '127.0.0.1:0', admin: 'off', workers: '1', upstream: ['http://127.0.0.1:9'] },
    })
    const options = { tables: [new Table()] }
    const routes = config.routes.map((route) => ({
      ...route,
      filters: [{ kind: 'builtin' as const, name: 'headers' as const, options }],
    }))
    expect(structuredClone(options).tables[0]).not.toBeInstanceOf(Table)
    await expect(startGateway({ ...config, routes }, { logger: pino({ level: 'silent' }) })).rejects.toThrow(
      'config.routes[0].filters[0].options.tables[0]: an instance of Table cannot travel to worker threads',
    )
  })
})
