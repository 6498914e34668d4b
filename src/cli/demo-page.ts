import type { IncomingMessage } from 'node:http'

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --accent: #0a7ea4 }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
code, td, output, li { font-family: ui-monospace, monospace; font-size: .875rem }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top; overflow-wrap: anywhere }
td:first-child { white-space: nowrap; color: var(--accent) }
output { display: block; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; min-height: 7.5rem; white-space: pre-wrap }
a { color: var(--accent) } .muted { opacity: .7 }
`

const SCRIPT = `
const output = document.querySelector('output')
const lines = []
const events = new EventSource('/events')
events.onmessage = ({ data }) => {
  const { number, time } = JSON.parse(data)
  lines.unshift('#' + number + '  ' + time)
  lines.length = Math.min(lines.length, 4)
  output.textContent = lines.join('\\n')
}
events.onerror = () => { output.textContent = 'disconnected, trying again' }
`

const LINKS: readonly (readonly [href: string, text: string])[] = [
  ['/headers', 'the request as JSON, as this origin saw it'],
  ['/events', 'one server-sent event a second, without end'],
  ['/bytes/1048576', 'a mebibyte, streamed (any number up to 1 GiB)'],
  ['/status/503', 'any status'],
  ['/delay/500', 'an answer after 500 ms'],
  ['/echo', 'the request body back: curl --data hello URL/echo'],
  ['/upload', 'POST or PUT: length and SHA-256 of the body: curl -T FILE URL/upload'],
]

/** The demo origin's front page: self-contained, and with nothing of the request unescaped. */
export function demoPage(request: IncomingMessage): string {
  const id = request.headers['x-request-id']
  const rows = pairs(request.rawHeaders).map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`,
  )
  const links = LINKS.map(
    ([href, text]) => `<li><a href="${href}">${href}</a> <span class="muted">${text}</span></li>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Headgate demo origin</title>
<style>${STYLE}</style>
<h1>It works: this page came through Headgate</h1>
<p>Request id <code>${id === undefined ? 'none: this request did not come through the gateway' : escapeHtml(String(id))}</code></p>
<h2>A live stream through the gateway</h2>
<output>waiting for the first event</output>
<h2>The request as this origin saw it</h2>
<table>
<tr><td>${escapeHtml(request.method ?? '')}</td><td>${escapeHtml(request.url ?? '')}</td></tr>
${rows.join('\n')}
</table>
<h2>More to try</h2>
<ul>
${links.join('\n')}
</ul>
<script>${SCRIPT}</script>
</html>
`
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as [string, string]] : [],
  )
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
