import { VASTTracker } from '@dailymotion/vast-client'
import { MacroEngine, SessionContext } from '#src/ads/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'Macros',
  'Putting them into a tracking URL, against the macro step of @dailymotion/vast-client: what its tracker does with each URL before it requests it. Both get the same URLs and values.',
)
const COUNT = short ? 1_000 : 20_000
const URLS = [
  'https://t.example/imp?cb=[CACHEBUSTING]&ts=[TIMESTAMP]&c=1',
  'https://t.example/e/start?c=cmp-1&l=li-2&cb=[CACHEBUSTING]&ph=[ADPLAYHEAD]&u=[IFA]&p=[PAGEURL]&s=[PLAYERSIZE]',
  'https://t.example/q?ua=[DEVICEUA]&ip=[DEVICEIP]&gdpr=[REGULATIONS]&con=[GDPRCONSENT]&lat=[LIMITADTRACKING]&x=[FOREIGN]&b=[BREAKPOSITION]',
]
const VALUES = {
  ADPLAYHEAD: '00:00:11.355',
  IFA: '123e4567-e89b-12d3-a456-426655440000',
  PAGEURL: 'https://www.example.com/article/page',
  DEVICEUA: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  DEVICEIP: '203.0.113.7',
  LIMITADTRACKING: '0',
}
const context = SessionContext.create()
const options = { values: VALUES, place: 'tracking' }
const compiled = new MacroEngine()
const fresh = new MacroEngine({ maxTemplates: 0 })

// The step itself is not exported. A click on a tracker without tracking URLs is that step and the emitting of its result.
let peerUrl = ''
const tracker = Object.assign(Object.create(VASTTracker.prototype), {
  clickTrackingURLTemplates: [],
  clickThroughURLTemplate: null,
  emit: (_event, url) => {
    peerUrl = url
  },
})
const peer = (template) => {
  tracker.clickThroughURLTemplate = template
  tracker.click(null, { ...VALUES })
  return peerUrl
}
const alike = (url) => url.replace(/cb=\d+/, '').replace(/ts=[^&]+/, '')
const templates = URLS.map((url) => ({ id: null, url }))
for (const [i, url] of URLS.entries()) {
  const ours = alike(compiled.expand(url, context, options))
  if (ours !== alike(peer(templates[i]))) throw new Error('the candidates do not make the same URL')
}

const title = (what) =>
  `macros: 1 URL of ${URLS.length} kinds, ${Object.keys(VALUES).length} values given (${what})`
await compare(title('seen before'), COUNT * URLS.length, {
  'headgate, compiled': () => {
    for (let i = 0; i < COUNT; i += 1) for (const url of URLS) compiled.expand(url, context, options)
  },
  'headgate, compiled each time': () => {
    for (let i = 0; i < COUNT; i += 1) for (const url of URLS) fresh.expand(url, context, options)
  },
  '@dailymotion/vast-client': () => {
    for (let i = 0; i < COUNT; i += 1) for (const url of templates) peer(url)
  },
})
