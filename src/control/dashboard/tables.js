import { bytes, duration, percent, rate } from './format.js'

/** Spans over other phases: no part of a sum. */
const SPANS = new Set(['total', 'upstream', 'overhead'])
const COLORS = 8

/** @param {string} tag @param {string} text @param {string} className */
export function element(tag, text = '', className = '') {
  const made = document.createElement(tag)
  if (text !== '') made.textContent = text
  if (className !== '') made.className = className
  return made
}

/** Rows stay the same elements as long as their keys do, so that the focus does not move. */
function keyed(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]))
  const rows = items.map((item) => {
    const key = keyOf(item)
    const row = old.get(key) ?? create(item)
    row.dataset.key = key
    update(row, item)
    return row
  })
  const same =
    rows.length === parent.children.length && rows.every((row, index) => row === parent.children[index])
  if (!same) parent.replaceChildren(...rows)
}

/** Cells say what they are where the head of the table is not shown. */
function label(row, labels) {
  for (const [index, text] of labels.entries()) {
    if (text === '') row.cells[index].classList.add('whole')
    else row.cells[index].dataset.label = text
  }
}

function cells(row, texts) {
  for (const [index, text] of texts.entries()) {
    const cell = row.cells[index]
    if (cell !== undefined && cell.textContent !== text) cell.textContent = text
  }
}

/** The phases that add up to the total, in order. Where the upstream's parts are not told apart it is one of them. */
function partsOf(phases) {
  const names = Object.keys(phases)
  const parts = names.filter((name) => !SPANS.has(name))
  return names.includes('ttfb') || !names.includes('upstream') ? parts : [...parts, 'upstream']
}

/**
 * @param {HTMLElement} body @param routes of the live view
 * @param {string} selected name of the route that the curve shows
 * @param {(name: string) => void} onSelect
 */
export function routeRows(body, legend, routes, selected, onSelect) {
  const parts = routes.length === 0 ? [] : partsOf(routes[0].phases)
  const names = [...parts, 'other']
  if (legend.children.length !== names.length) {
    legend.replaceChildren(
      ...names.map((name, index) => {
        const item = element('li')
        item.append(element('i', '', `phase-${name === 'other' ? COLORS - 1 : index % (COLORS - 1)}`), name)
        return item
      }),
    )
  }
  const longest = Math.max(0.001, ...routes.map(({ phases }) => phases.total ?? 0))
  const create = ({ name }) => {
    const row = element('tr')
    const first = element('td')
    const button = element('button', name, 'link')
    button.type = 'button'
    button.title = 'Show its curve'
    button.addEventListener('click', () =>
      onSelect(button.getAttribute('aria-pressed') === 'true' ? '' : name),
    )
    first.append(button)
    const last = element('td')
    const stack = element('div', '', 'stack')
    const bars = element('span', '', 'bars')
    bars.append(
      ...names.map((part, index) =>
        element('i', '', `phase-${part === 'other' ? COLORS - 1 : index % (COLORS - 1)}`),
      ),
    )
    stack.append(bars, element('span', '', 'sum'))
    last.append(stack)
    row.append(first, element('td'), element('td'), element('td'), element('td'), last)
    label(row, ['', 'req/s', '5xx/s', 'p50', 'p99', ''])
    return row
  }
  keyed(
    body,
    routes,
    ({ name }) => name,
    create,
    (row, route) => {
      row.querySelector('button').setAttribute('aria-pressed', String(route.name === selected))
      const none = route.count === 0
      const texts = [
        rate(route.perSecond),
        rate(route.serverErrorsPerSecond),
        none ? '–' : duration(route.p50),
        none ? '–' : duration(route.p99),
      ]
      for (const [index, text] of texts.entries()) row.cells[index + 1].textContent = text
      row.cells[2].className = route.serverErrorsPerSecond > 0 ? 'worse' : ''
      stackBar(row.querySelector('.stack'), parts, route, longest)
    },
  )
}

function stackBar(stack, parts, { phases, count }, longest) {
  const [bars, sum] = stack.children
  const total = phases.total ?? 0
  const known = parts.reduce((all, part) => all + (phases[part] ?? 0), 0)
  const values = [...parts.map((part) => phases[part] ?? 0), Math.max(0, total - known)]
  const whole = Math.max(total, known, 0.000001)
  bars.style.width = count === 0 ? '0' : `${Math.max(1, Math.min(78, (total / longest) * 78))}%`
  const said = []
  for (const [index, value] of values.entries()) {
    const bar = bars.children[index]
    if (bar === undefined) continue
    bar.style.width = `${(value / whole) * 100}%`
    if (value > 0) said.push(`${parts[index] ?? 'other'} ${duration(value)}`)
  }
  sum.textContent = count === 0 ? '–' : duration(total)
  stack.title = said.join(', ')
}

/** @param {HTMLElement} body @param upstreams of the live view */
export function upstreamRows(body, upstreams) {
  const peers = upstreams.flatMap(({ name, breaker, peers: all }) =>
    all.map((peer) => ({ name, breaker, ...peer })),
  )
  const create = () => {
    const row = element('tr')
    for (let index = 0; index < 6; index += 1) row.append(element('td'))
    row.cells[1].className = 'mono left'
    label(row, ['upstream', 'peer', 'health', 'in flight', 'latency', 'ejections'])
    row.cells[2].append(element('span'))
    return row
  }
  keyed(
    body,
    peers,
    ({ name, peer }) => `${name} ${peer}`,
    create,
    (row, peer) => {
      cells(row, [peer.name, peer.peer])
      const state = peer.breaker === 'open' ? 'breaker open' : peer.ejected ? 'ejected' : peer.health
      const tag = row.cells[2].firstChild
      tag.textContent = state
      tag.className =
        state === 'healthy' ? 'tag good' : state === 'unknown' || state === 'maintenance' ? 'tag' : 'tag bad'
      for (const [index, text] of [
        String(peer.inFlight),
        peer.latencyMs > 0 ? duration(peer.latencyMs) : '–',
        String(peer.ejections),
      ].entries())
        row.cells[index + 3].textContent = text
    },
  )
}

/** @param {HTMLElement} list @param acceptor its load @param workers of the live view */
export function threadTiles(list, acceptor, workers) {
  const threads = [
    { name: 'acceptor', state: 'ready', ...acceptor },
    ...workers.map((worker) => ({ name: `worker ${worker.worker}`, ...worker })),
  ]
  const create = () => {
    const tile = element('li')
    const head = element('p', '', 'name')
    head.append(element('span'), element('span', '', 'percent'))
    const meter = element('meter')
    Object.assign(meter, { min: 0, max: 1, low: 0.7, high: 0.9, optimum: 0 })
    tile.append(head, meter, element('p', '', 'quiet'), element('p', '', 'quiet'))
    return tile
  }
  keyed(
    list,
    threads,
    ({ name }) => name,
    create,
    (tile, thread) => {
      const [head, meter, first, second] = tile.children
      head.children[0].textContent =
        thread.state === 'ready' ? thread.name : `${thread.name}: ${thread.state}`
      head.children[1].textContent = percent(thread.utilization)
      meter.value = thread.utilization
      meter.setAttribute('aria-label', `event loop of ${thread.name}: ${percent(thread.utilization)} busy`)
      tile.classList.toggle('lost', thread.state !== 'ready')
      const restarts = thread.restarts === 1 ? '1 restart' : `${thread.restarts} restarts`
      first.textContent =
        thread.inFlight === undefined ? 'takes and answers' : `queue ${thread.inFlight}, ${restarts}`
      second.textContent = `heap ${bytes(thread.heapBytes)}, delay ${duration(thread.delayMs)}`
    },
  )
}

/** @param {HTMLElement} body @param errors of the live view, newest first */
export function errorRows(body, errors) {
  const create = () => {
    const row = element('tr')
    for (let index = 0; index < 5; index += 1) row.append(element('td', '', index > 1 ? 'left' : ''))
    row.cells[4].classList.add('mono')
    label(row, ['when', 'status', 'reason', 'route', ''])
    return row
  }
  keyed(
    body,
    errors.slice(0, 20),
    ({ timeMs, requestId }) => `${timeMs} ${requestId}`,
    create,
    (row, error) => {
      const { timeMs, status, reason, route, requestId } = error
      cells(row, [
        new Date(timeMs).toLocaleTimeString(),
        status === 0 ? '–' : String(status),
        reason,
        route ?? '–',
        requestId,
      ])
    },
  )
}
