// A small ad server: `node ad-server.mjs`. It answers /vast with a wrapper around an ad, and serves the demo page and the clip.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const page = readFileSync(new URL('./page.html', import.meta.url))
const clip = readFileSync(new URL('./summer.webm', import.meta.url))
const port = Number(process.env['PORT'] ?? 9100)

const wrapper = (base) => `<VAST version="4.2"><Ad id="wrapper"><Wrapper><AdSystem>demo</AdSystem>
  <VASTAdTagURI><![CDATA[${base}/inline?cb=[CACHEBUSTING]]]></VASTAdTagURI>
  <Impression><![CDATA[${base}/seen?by=wrapper]]></Impression><Creatives/></Wrapper></Ad></VAST>`

const inline = (base) => `<VAST version="4.2"><Ad id="summer-1"><InLine>
  <AdSystem>demo</AdSystem><AdTitle>Summer</AdTitle><Impression><![CDATA[${base}/seen?by=ad]]></Impression>
  <Creatives><Creative id="c1"><Linear><Duration>00:00:01</Duration><MediaFiles>
  <MediaFile delivery="progressive" type="video/webm" width="320" height="180"><![CDATA[${base}/summer.webm]]></MediaFile>
  </MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>`

export const server = createServer((request, response) => {
  const base = `http://127.0.0.1:${server.address().port}`
  const { pathname, searchParams } = new URL(request.url ?? '/', base)
  const xml = { 'content-type': 'application/xml' }
  if (pathname === '/vast' && searchParams.get('placement_id') === 'empty') response.writeHead(204).end()
  else if (pathname === '/vast') response.writeHead(200, xml).end(wrapper(base))
  else if (pathname === '/inline') response.writeHead(200, xml).end(inline(base))
  else if (pathname === '/seen') response.writeHead(204).end()
  else if (pathname === '/summer.webm') response.writeHead(200, { 'content-type': 'video/webm' }).end(clip)
  else if (pathname === '/') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  else response.writeHead(404).end()
})

server.listen(port, '127.0.0.1', () => console.log(`ad server: http://127.0.0.1:${server.address().port}`))
