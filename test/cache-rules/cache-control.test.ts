import { describe, expect, it } from 'vitest'
import { parseCacheControl, parseTargeted, responseControl } from '#src/cache/rules/index.js'
import { fields } from './support.js'

describe('Cache-Control (RFC 9111 §5.2)', () => {
  it('names are compared without regard to case, arguments may be quoted', () => {
    const read = parseCacheControl('Public, MAX-AGE="60", s-maxage=120')
    expect(read).toMatchObject({ isPublic: true, maxAgeS: 60, sMaxageS: 120, malformed: false })
  })

  it('without the field there are no directives', () => {
    expect(parseCacheControl(null)).toMatchObject({ noStore: false, maxAgeS: null, malformed: false })
    expect(parseCacheControl(' , ,')).toMatchObject({ malformed: false })
  })

  it.each([
    ['max-age=abc', 0],
    ['max-age=-1', 0],
    ['max-age=1.5', 0],
    ['max-age', 0],
    ['max-age=""', 0],
    ['max-age=60, max-age=60', 60],
    ['max-age=60, max-age=70', 0],
    ['max-age=99999999999999999999', 2 ** 31 - 1],
    ['max-age=2147483648', 2 ** 31 - 1],
  ])('§4.2.1, §1.2.2: %s gives a lifetime of %d s', (field, seconds) => {
    expect(parseCacheControl(field).maxAgeS).toBe(seconds)
  })

  it('a comma in a quoted argument ends nothing', () => {
    const read = parseCacheControl('private="set-cookie, X-User", max-age=5')
    expect(read).toMatchObject({ isPrivate: ['set-cookie', 'x-user'], maxAgeS: 5 })
  })

  it('§5.2.2.4: no-cache with fields concerns those only; without, or with none, everything', () => {
    expect(parseCacheControl('no-cache="x-a"').noCache).toEqual(['x-a'])
    expect(parseCacheControl('no-cache=x-a').noCache).toEqual(['x-a'])
    expect(parseCacheControl('no-cache').noCache).toBe(true)
    expect(parseCacheControl('no-cache=""').noCache).toBe(true)
    expect(parseCacheControl('no-cache="x a"').noCache).toBe(true)
    expect(parseCacheControl('no-cache="x-a", no-cache').noCache).toBe(true)
    expect(parseCacheControl('no-cache="x-a", no-cache="x-b"').noCache).toEqual(['x-a', 'x-b'])
  })

  it.each(['max-age=60; private', 'private="x', '"no-store"', 'no store', 'max-age = 5'])(
    'what cannot be read is noted: %s',
    (field) => expect(parseCacheControl(field).malformed).toBe(true),
  )

  it('what stands behind something that cannot be read counts nevertheless', () => {
    expect(parseCacheControl('a b c, no-store')).toMatchObject({ malformed: true, noStore: true })
  })

  it('§5.2.1.2: max-stale without argument accepts any staleness; an invalid one none', () => {
    expect(parseCacheControl('max-stale').maxStaleS).toBe(2 ** 31 - 1)
    expect(parseCacheControl('max-stale=x').maxStaleS).toBeNull()
    expect(parseCacheControl('max-stale=5').maxStaleS).toBe(5)
  })

  it('RFC 5861: an invalid window does not open, of two the smaller counts', () => {
    expect(parseCacheControl('stale-while-revalidate=x').staleWhileRevalidateS).toBeNull()
    expect(parseCacheControl('stale-if-error=9, stale-if-error=3').staleIfErrorS).toBe(3)
  })

  it('§5.2.3: unknown directives have no effect', () => {
    expect(parseCacheControl('community="UCI", max-age=1')).toEqual(parseCacheControl('max-age=1'))
  })

  it('the field is read in a time that its length bounds', () => {
    const startMs = performance.now()
    parseCacheControl(`${'a="\\'.repeat(4000)}${'x,'.repeat(2000)}`)
    parseTargeted(`${'a="\\"'.repeat(4000)}${'x;'.repeat(2000)}`)
    expect(performance.now() - startMs).toBeLessThan(1000)
  })
})

describe('CDN-Cache-Control (RFC 9213)', () => {
  it('§2.2: goes before Cache-Control', () => {
    const { directives, isTargeted } = responseControl(
      fields({ 'Cache-Control': 'no-store', 'CDN-Cache-Control': 'max-age=60' }),
    )
    expect([directives.noStore, directives.maxAgeS, isTargeted]).toEqual([false, 60, true])
  })

  it.each([
    '',
    ' ',
    'max-age=',
    'MAX-AGE=5',
    'max-age=5,',
    'max-age=5; , x',
    'a b',
    'max-age=5 private',
    'a="b',
  ])('§2.1: empty or off the grammar of structured fields it is ignored: %j', (value) => {
    const { directives, isTargeted } = responseControl(
      fields({ 'cache-control': 'no-store', 'cdn-cache-control': value }),
    )
    expect([directives.noStore, isTargeted]).toEqual([true, false])
  })

  it('RFC 8941: parameters mean nothing, the last of a key counts, ?0 is absent', () => {
    expect(parseTargeted('max-age=5;a=1;b, no-store=?0, s-maxage=1, s-maxage=2')).toMatchObject({
      maxAgeS: 5,
      noStore: false,
      sMaxageS: 2,
    })
    expect(parseTargeted('private="set-cookie", no-store')).toMatchObject({
      isPrivate: ['set-cookie'],
      noStore: true,
    })
    expect(parseTargeted('max-age=1.5')?.maxAgeS).toBe(0)
  })
})
