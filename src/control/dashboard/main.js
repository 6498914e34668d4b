import { trafficChart, troubleChart } from './charts.js'
import { bytes, duration, percent, rate, uptime, whole } from './format.js'
import { percentilePanel } from './percentiles.js'
import { element, errorRows, routeRows, threadTiles, upstreamRows } from './tables.js'
import { themeSwitch } from './theme.js'

const HISTORY_POINTS = 300
const TROUBLE = [
  ['line-bad', '5xx'],
  ['line-warn', '4xx'],
  ['line-quiet', 'client left'],
  ['line-refused', 'refused'],
]

/** @param {string} id */
const byId = (id) => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

const route = byId('route')
const span = byId('window')
const traffic = trafficChart(byId('traffic'))
const trouble = troubleChart(byId('trouble'))
const percentiles = percentilePanel(byId)
let history = []
let source = null

function connect() {
  source?.close()
  source = new EventSource(`events?${new URLSearchParams({ route: route.value, window: span.value })}`)
  source.onmessage = ({ data }) => show(JSON.parse(data))
  source.onerror = () => status('no connection', 'bad')
}

function status(text, kind) {
  const pill = byId('status')
  if (pill.textContent !== text) pill.textContent = text
  pill.className = `pill ${kind}`
}

function show(view) {
  status(view.ready ? 'ready' : view.notReady.join(', '), view.ready ? 'good' : 'bad')
  byId('version').textContent = view.version
  byId('uptime').textContent = `up ${uptime(view.uptimeS)}`
  showRoutes(view.routes)
  history = view.history.length > 1 ? view.history : [...history, ...view.history].slice(-HISTORY_POINTS)
  showHistory()
  showTiles(view)
  percentiles.show(view.selected, view.window)
  routeRows(byId('routes'), byId('phase-legend'), view.routes, view.selected.route, select)
  upstreamRows(byId('upstreams'), view.upstreams)
  byId('reuse').textContent = `${percent(view.connectionReuseRatio)} of requests found a pooled connection`
  threadTiles(byId('threads'), view.acceptor, view.workers)
  errorRows(byId('errors'), view.errors)
  byId('errors-table').hidden = view.errors.length === 0
  byId('errors-empty').hidden = view.errors.length > 0
  document.body.dataset.updates = String(Number(document.body.dataset.updates ?? 0) + 1)
}

function showTiles({ rates, selected, inFlight, connections, workers, cache }) {
  const { requests, serverErrors } = rates['1s']
  figure('requests', rate(requests), '/s', `${rate(rates['60s'].requests)}/s over a minute`)
  const share = requests === 0 ? 0 : serverErrors / requests
  figure('errors', rate(serverErrors), '/s', `${percent(Math.min(1, share))} of requests`)
  byId('tile-errors').classList.toggle('bad', serverErrors > 0)
  const empty = selected.count === 0
  const of = selected.route ?? 'all routes'
  figure('p50', empty ? '–' : duration(selected.percentiles.p50), '', of)
  figure(
    'p99',
    empty ? '–' : duration(selected.percentiles.p99),
    '',
    empty ? of : `max ${duration(selected.percentiles.max)}`,
  )
  const ready = workers.filter(({ state }) => state === 'ready').length
  figure(
    'flight',
    whole(inFlight),
    '',
    `${whole(connections)} connections, ${ready}/${workers.length} workers`,
  )
  byId('tile-cache').hidden = cache === undefined
  if (cache !== undefined)
    figure('hits', percent(cache.hitRatio), '', `${bytes(cache.bytes)} of ${bytes(cache.capacityBytes)}`)
}

function figure(name, value, unit, more) {
  const shown = byId(`tile-${name}`)
  shown.replaceChildren(value, ...(unit === '' ? [] : [element('small', unit)]))
  byId(`tile-${name}-more`).textContent = more
}

function showHistory() {
  const times = history.map(({ timeMs }) => timeMs / 1000)
  const of = (name) => history.map((point) => point[name])
  traffic.set([times, of('requests')])
  trouble.set([times, of('serverErrors'), of('clientErrors'), of('aborted'), of('refused')])
}

function showRoutes(routes) {
  if (route.options.length === routes.length + 1) return
  const chosen = route.value
  route.replaceChildren(new Option('all routes', ''), ...routes.map(({ name }) => new Option(name, name)))
  route.value = chosen
}

function select(name) {
  route.value = name
  connect()
}

const KEYS = {
  f: () => byId('freeze').click(),
  c: () => byId('clear').click(),
  l: () => byId('log').click(),
  t: () => byId('theme').click(),
  r: () => route.focus(),
  w: () => {
    span.selectedIndex = (span.selectedIndex + 1) % span.options.length
    connect()
  },
}

document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLSelectElement
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return
  KEYS[event.key]?.()
})
route.addEventListener('change', connect)
span.addEventListener('change', connect)
themeSwitch(byId('theme'), () => {
  traffic.rebuild()
  trouble.rebuild()
  percentiles.rebuild()
})
byId('trouble-legend').append(
  ...TROUBLE.map(([className, name]) => {
    const item = element('li')
    item.append(element('i', '', className), name)
    return item
  }),
)
connect()
