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
export function closedLoop(url, { requests: [request], connections, seconds, expect }) {
  if (wrkVersion() === null) return ownClosedLoop(url, request, { connections, seconds, expect })
  return runWrk(`${url}${request.path}`, request, { connections, seconds })
}

async function ownClosedLoop(url, request, { connections, seconds, expect }) {
  const report = await runLoad({
    url,
    requests: [request],
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

function runWrk(url, request, { connections, seconds }) {
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
  const method = request.method === undefined ? '' : `wrk.method = "${request.method}"\n`
  const body = request.body === undefined ? '' : `wrk.body = string.rep("x", ${request.body.length})\n`
  writeFileSync(
    join(folder, 'wrk.lua'),
    `${method}${body}done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end\n`,
  )
  return new Promise((resolve, reject) => {
    const startMs = performance.now()
    const child = spawn('wrk', [...args, url], { stdio: ['ignore', 'pipe', 'inherit'] })
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
