import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLoad } from '../../dist/load/index.js'

const US_PER_TICK = 10_000
const POLL_MS = 50
/** From there on a closed loop may show the generator's limit instead of the server's. */
const BUSY_LIMIT = 0.8

/** First line of what wrk says of itself; null when it is not installed. */
export function wrkVersion() {
  const { error, stdout, stderr } = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
  return error === undefined
    ? (/wrk (?:debian\/)?([\w.]+)/.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown')
    : null
}

/**
 * Closed-loop load over keep-alive connections: by wrk, or by our own generator where it is not installed.
 * @returns requests answered, their number a second, errors of any kind, latency in milliseconds, the generator's share of a core
 */
export function closedLoop(url, { requests, connections, seconds, expect }) {
  if (wrkVersion() === null) return ownClosedLoop(url, requests, { connections, seconds, expect })
  return runWrk(url, requests, { connections, seconds })
}

async function ownClosedLoop(url, requests, { connections, seconds, expect }) {
  const report = await runLoad({
    url,
    requests,
    loop: { kind: 'closed' },
    connections,
    durationMs: seconds * 1000,
    expect,
  })
  const errors = Object.values(report.errors).reduce((sum, value) => sum + value, 0)
  const { p50Us, p99Us } = report.response
  return {
    requests: report.sent,
    errors,
    perSecond: report.perSecond,
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
    generatorBusy: report.generator.cpuShare,
    refusals: report.refusals,
  }
}

function runWrk(url, requests, { connections, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-bench-wrk-'))
  const args = [
    '-t1',
    `-c${connections}`,
    // It takes whole seconds only.
    `-d${Math.max(1, Math.round(seconds))}s`,
    '--timeout',
    '10s',
    '--latency',
    '-s',
    join(folder, 'wrk.lua'),
  ]
  // Numbers exact enough to be compared with the counters of gateway and origin, which wrk's own text rounds.
  writeFileSync(
    join(folder, 'wrk.lua'),
    `${requestScript(requests)}done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end\n`,
  )
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const child = spawn('wrk', [...args, `${url}${requests[0].path}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    let cpuUs = 0
    let cpuAtMs = startMs
    const poll = setInterval(() => {
      const used = cpuOf(child.pid)
      if (used !== null) [cpuUs, cpuAtMs] = [used, performance.now()]
    }, POLL_MS)
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', reject)
    child.on('exit', () => {
      clearInterval(poll)
      rmSync(folder, { recursive: true, force: true })
      const [requests, durationUs, errors, p50Us, p99Us] = (/RESULT (.*)/.exec(output)?.[1] ?? '')
        .split(' ')
        .map(Number)
      if (!(durationUs > 0)) {
        reject(new Error(`wrk gave no result: ${output.slice(-500)}`))
        return
      }
      const generatorBusy = cpuUs / 1000 / Math.max(1, cpuAtMs - startMs)
      resolve({
        requests,
        errors,
        perSecond: (requests * 1e6) / durationUs,
        p50Ms: p50Us / 1000,
        p99Ms: p99Us / 1000,
        generatorBusy,
        refusals:
          generatorBusy > BUSY_LIMIT ? [`wrk used ${Math.round(generatorBusy * 100)} % of a core`] : [],
      })
    })
  })
}

/** What wrk sends. One request alone it repeats by itself; several are put together once and sent in turn, which takes more of its time. */
function requestScript(requests) {
  const text = (value) => JSON.stringify(value)
  const bodyOf = (body) => (body === undefined ? 'nil' : `string.rep("x", ${body.length})`)
  const [{ method = 'GET', headers = {}, body }] = requests
  if (requests.length === 1) {
    const fields = Object.entries(headers).map(
      ([name, value]) => `wrk.headers[${text(name)}] = ${text(value)}\n`,
    )
    return `wrk.method = ${text(method)}\nwrk.body = ${bodyOf(body)}\n${fields.join('')}`
  }
  const made = requests.map((request) => {
    const fields = Object.entries(request.headers ?? {}).map(
      ([name, value]) => `[${text(name)}] = ${text(value)}`,
    )
    return `wrk.format(${text(request.method ?? 'GET')}, ${text(request.path)}, { ${fields.join(', ')} }, ${bodyOf(request.body)})`
  })
  return `local made = {}
local at = 0
function init(args)
  made = { ${made.join(',\n')} }
end
function request()
  at = at % #made + 1
  return made[at]
end
`
}

/** CPU microseconds of one process so far; null when it is gone. */
function cpuOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK
  } catch {
    return null
  }
}
