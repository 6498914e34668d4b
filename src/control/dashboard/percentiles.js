import { curveChart } from './charts.js'
import { duration, whole } from './format.js'

const KEY = 'headgate-baseline'
/** Columns that a phone has no room for. */
const RARE = new Set(['p90', 'requests'])
const NAMES = ['p50', 'p90', 'p99', 'p999', 'max']

/**
 * The panel with the percentile curve: what is selected now, against a baseline that the viewer froze. The baseline outlives a
 * reload of the page.
 * @param {(id: string) => HTMLElement} byId
 */
export function percentilePanel(byId) {
  const log = byId('log')
  const chart = curveChart(byId('curve'), () => log.checked)
  let now = null
  let base = read()

  const draw = () => {
    const points = now?.curve ?? []
    const before = base?.curve ?? []
    const longer = points.length >= before.length ? points : before
    const at = (curve) => longer.map((_, index) => curve[index]?.[1] ?? null)
    byId('curve-empty').hidden = points.length > 0
    chart.set(
      longer.length === 0
        ? [
            [1, 1000],
            [null, null],
            [null, null],
          ]
        : [longer.map(([p]) => 1 / (1 - p / 100)), at(points), at(before)],
    )
    byId('curve-rows').replaceChildren(
      ...(now === null ? [] : [row('now', now.name, now, base)]),
      ...(base === null ? [] : [row('base', base.name, base, null)]),
    )
    byId('clear').hidden = base === null
    byId('freeze').textContent = base === null ? 'Freeze as baseline' : 'Freeze again'
  }
  log.addEventListener('change', () => chart.rebuild())
  byId('freeze').addEventListener('click', () => {
    if (now === null) return
    base = { ...now, name: `${now.name}, at ${new Date().toLocaleTimeString()}` }
    write(base)
    draw()
  })
  byId('clear').addEventListener('click', () => {
    base = null
    write(null)
    draw()
    byId('freeze').focus()
  })
  return {
    /** @param selected of the live view. @param {string} window */
    show(selected, window) {
      const span = window === 'total' ? 'since the start' : `last ${window.replace('s', ' s')}`
      now = { ...selected, name: `${selected.route ?? 'all routes'}, ${span}` }
      draw()
    },
    rebuild: () => chart.rebuild(),
  }
}

/** One line of the table under the curve; with what changed against `other`. */
function row(kind, name, { percentiles, count }, other) {
  const line = document.createElement('tr')
  const head = document.createElement('th')
  head.scope = 'row'
  const key = document.createElement('span')
  key.className = kind === 'base' ? 'key base' : 'key'
  head.append(key, kind === 'base' ? 'baseline' : 'now')
  const about = document.createElement('small')
  about.className = 'quiet'
  about.textContent = name
  head.append(about)
  line.append(head)
  for (const percentile of NAMES) {
    const cell = document.createElement('td')
    cell.className = RARE.has(percentile) ? 'rare' : ''
    cell.textContent = count === 0 ? '–' : duration(percentiles[percentile])
    const before = other?.percentiles[percentile] ?? 0
    if (count > 0 && before > 0) {
      const change = (percentiles[percentile] / before - 1) * 100
      const mark = document.createElement('small')
      mark.textContent = ` ${change >= 0 ? '+' : '−'}${whole(Math.abs(change))} %`
      mark.className = change > 10 ? 'worse' : change < -10 ? 'better' : 'quiet'
      cell.append(mark)
    }
    line.append(cell)
  }
  const total = document.createElement('td')
  total.className = 'rare'
  total.textContent = whole(count)
  line.append(total)
  return line
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  } catch {
    return null
  }
}

function write(baseline) {
  if (baseline === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, JSON.stringify(baseline))
}
