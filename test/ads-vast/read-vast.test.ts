import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseVast, serializeXml, VastParseError, type XmlElement } from '#src/ads/index.js'
import { DOCUMENTS, fixture } from './support/fixtures.js'

const codeOf = (action: () => unknown): number => {
  try {
    action()
  } catch (error) {
    if (error instanceof VastParseError) return error.vastCode
    throw error
  }
  return 0
}
const NO_VAST: Record<string, number> = {
  'vast-client-js/invalid-xmlfile.xml': 100,
  'vast-client-js/outdated-vast.xml': 102,
}

describe('real documents', () => {
  it.each(DOCUMENTS)('%s is read, and written without loss', (path) => {
    const source = fixture(path)
    const code = codeOf(() => parseVast(source))
    expect(code).toBe(NO_VAST[path] ?? 0)
    if (code !== 0) return
    const document = parseVast(source)
    const again = parseVast(serializeXml(document.root))
    expect(again.root).toEqual(document.root)
    expect(document.ads.length).toBe(
      path.endsWith('empty-no-ad.xml') ? 0 : source.toString().split(/<Ad[ >]/).length - 1,
    )
  })

  it('give a typed view', () => {
    const { version, ads, errors } = parseVast(fixture('vast-client-js/sample.xml'))
    expect({ version, errors, count: ads.length }).toEqual({ version: '4.3', errors: [], count: 2 })
    const [first, second] = ads
    expect(first).toMatchObject({
      kind: 'inline',
      id: 'ad_id_0001',
      sequence: 1,
      adType: 'video',
      adServingId: 'a532d16d-4d7f-4440-bd29-2ec0e693fc80',
      adSystem: { name: 'AdServer', version: '2.0' },
      title: 'Ad title',
      pricing: { value: '1.09', model: 'CPM', currency: 'USD' },
      errors: ['http://example.com/error_[ERRORCODE]'],
    })
    expect(first?.impressions.map(({ id }) => id)).toEqual([
      'sample-impression1',
      'sample-impression2',
      'sample-impression3',
    ])
    expect(first?.verifications).toMatchObject([
      { vendor: 'company.com-omid', scripts: [{ apiFramework: 'omid', url: 'http://example.com/omid1' }] },
      { vendor: 'company2.com-omid', parameters: 'test-verification-parameter' },
    ])
    const [linear, companions, nonLinear] = first?.creatives ?? []
    expect(linear).toMatchObject({
      id: 'id130984',
      adId: 'adId345690',
      universalAdIds: [{ registry: 'daily-motion-L1', value: 'Linear-12345' }],
    })
    expect(linear?.linear).toMatchObject({
      durationMs: 90_123,
      clickThrough: 'http://example.com/linear-clickthrough_adplayhead:[ADPLAYHEAD]',
      mediaFiles: [
        { bitrateKbps: 849, width: 512, height: 288, type: 'video/mp4' },
        { apiFramework: 'VPAID' },
      ],
      mezzanines: [{ fileSizeBytes: 700 }],
      icons: [{ program: 'ad1', clickTracking: [{ id: 'icon-click-1' }, { id: 'icon-click-2' }] }],
    })
    expect(linear?.linear?.trackingEvents).toContainEqual({
      event: 'progress',
      offset: '60%',
      url: 'http://example.com/linear-progress-60%',
    })
    expect(companions?.adId).toBe('adId345691')
    expect(companions?.companions?.items).toMatchObject([
      { altText: 'Sample Alt Text Content!!!!', clickTracking: [{ id: '123' }, { id: null }] },
      { iframeUrls: ['http://www.example.com/companion2-example.php'] },
      { html: ['<a href="http://www.example.com" target="_blank">Some call to action HTML!</a>'] },
    ])
    expect(nonLinear?.nonLinear?.items).toMatchObject([
      { minSuggestedDurationMs: 100_000, adParameters: '{"key":"value"}' },
    ])
    expect(second?.creatives[0]?.linear).toMatchObject({ durationMs: 30_000, skipOffset: '00:00:10' })
  })

  it('break the schema, and are read all the same', () => {
    const duration = parseVast(fixture('rs-vast/vast_inline_linear-duration_undefined.xml'))
    expect(duration.ads[0]?.creatives[0]?.linear?.durationMs).toBeNull()
    const spaces = parseVast(fixture('rs-vast/extraspaces_vpaid.xml'))
    expect(spaces.ads[0]?.creatives[0]?.linear).toMatchObject({
      adParameters: '<VAST></VAST>',
      mediaFiles: [{ url: 'https://dummy.com/dummmy.js' }],
    })
    const odd = parseVast(
      '\ufeff\n<vast:VAST xmlns:vast="urn:v"><vast:Ad><vast:Inline><vast:Impression>u?a=1&b=2</vast:Impression></vast:Inline></vast:Ad><Ad/></vast:VAST>\0',
    )
    expect(odd.ads).toMatchObject([{ kind: 'inline', id: '', impressions: [{ url: 'u?a=1&b=2' }] }])
    expect(odd.version).toBeNull()
  })
})

describe('F-38 safe parsing', () => {
  it.each([
    ['a DTD', '<!DOCTYPE VAST [<!ENTITY a "b">]><VAST version="4.0">&a;</VAST>', 100],
    ['an external DTD', '<!DOCTYPE VAST SYSTEM "file:///etc/passwd"><VAST version="4.0"/>', 100],
    ['a billion laughs', '<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><VAST>&b;</VAST>', 100],
    ['more bytes than the limit', `<VAST version="4.0">${'x'.repeat(2000)}</VAST>`, 100],
    ['more depth than the limit', `<VAST>${'<a>'.repeat(20)}${'</a>'.repeat(20)}</VAST>`, 100],
    ['more nodes than the limit', `<VAST>${'<a/>'.repeat(200)}</VAST>`, 100],
    ['what is not well-formed', '<VAST version="4.0"><Ad></VAST>', 100],
    ['nothing', '', 100],
    ['two roots', '<VAST/><VAST/>', 100],
    ['HTML', '<html><body/></html>', 101],
    ['VAST 1', '<VideoAdServingTemplate/>', 102],
    ['VAST 5', '<VAST version="5.0"/>', 102],
    ['a version of nonsense that starts with 1', '<VAST version="1.0"/>', 102],
  ])('refuses %s', (_what, source, code) => {
    const limits = { maxBytes: 1500, maxDepth: 10, maxNodes: 100 }
    expect(codeOf(() => parseVast(source, limits))).toBe(code)
    expect(codeOf(() => parseVast(new TextEncoder().encode(source), limits))).toBe(code)
  })

  it('has limits without being asked', () => {
    expect(codeOf(() => parseVast(`<VAST>${' '.repeat(1024 * 1024)}</VAST>`))).toBe(100)
    expect(codeOf(() => parseVast(`<VAST>${'<a>'.repeat(64)}${'</a>'.repeat(64)}</VAST>`))).toBe(100)
    expect(codeOf(() => parseVast(`<VAST>${'<a/>'.repeat(50_000)}</VAST>`))).toBe(100)
  })

  it('keeps an undefined entity as text: nothing expands', () => {
    expect(parseVast('<VAST><Error>&nbsp;&xxe;&lt;</Error></VAST>').errors).toEqual(['&nbsp;&xxe;<'])
  })

  it('reads other encodings', () => {
    const latin = Buffer.from(
      '<?xml version="1.0" encoding="ISO-8859-1"?><VAST><Error>caf\xe9</Error></VAST>',
      'latin1',
    )
    expect(parseVast(latin).errors).toEqual(['café'])
    const utf16 = Buffer.from('\ufeff<VAST><Error>café</Error></VAST>', 'utf16le')
    expect(parseVast(utf16).errors).toEqual(['café'])
    expect(codeOf(() => parseVast(Buffer.from('<?xml version="1.0" encoding="x-none"?><VAST/>')))).toBe(100)
  })

  it('never throws anything else, whatever is thrown at it', () => {
    const mess = fc.array(
      fc.constantFrom(
        '<VAST>',
        '</VAST>',
        '<Ad id="1">',
        '</Ad>',
        '<InLine>',
        '<![CDATA[',
        ']]>',
        '&',
        '&amp;',
        '<!--',
        '-->',
        '<?x ?>',
        '"',
        'é',
        '\0',
        '<a b=',
        '>',
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(mess, (parts) => {
        const code = codeOf(() => parseVast(parts.join('')))
        expect([0, 100, 101, 102]).toContain(code)
      }),
      { numRuns: 500 },
    )
  })
})

describe('writing', () => {
  it('cuts what would end a CDATA section, and escapes the rest', () => {
    const document = parseVast(
      '<VAST><Error a="&lt;&quot;&#10;"><![CDATA[a]]&gt;b]]>&lt;c&gt;</Error></VAST>',
    )
    const error = document.root.child('error') as XmlElement
    error.children.push({ kind: 'cdata', value: '1]]>2\0' })
    const text = serializeXml(document.root)
    expect(text).toContain('<![CDATA[1]]]]><![CDATA[>2]]>')
    expect(parseVast(text).errors).toEqual(['a]]&gt;b<c>1]]>2'])
    expect(parseVast(text).root.child('error')?.attribute('a')).toBe('<"')
  })
})
