import { spawn, spawnSync } from 'node:child_process'

/** Is wrk there? */
export function hasWrk() {
  return spawnSync('wrk', ['--version']).error === undefined
}

/**
 * Closed-loop load over keep-alive connections. @returns requests answered, errors of any kind, and latency percentiles as wrk saw them
 */
export function runWrk(url, { seconds, connections, headers = [], script = null }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency']
  for (const header of headers) args.push('-H', header)
  if (script !== null) args.push('-s', script)
  return new Promise((resolve, reject) => {
    const child = spawn('wrk', [...args, url], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', reject)
    child.on('exit', () => {
      const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0)
      const non2xx = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0)
      const socketErrors = [...(/Socket errors: (.*)/.exec(output)?.[1] ?? '').matchAll(/\d+/g)].reduce(
        (sum, match) => sum + Number(match[0]),
        0,
      )
      const at = (p) => toMs(new RegExp(`\\s${p}%\\s+(\\S+)`).exec(output)?.[1])
      const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0)
      resolve({ requests, errors: non2xx + socketErrors, perSecond, p50Ms: at(50), p99Ms: at(99) })
    })
  })
}

function toMs(text = '') {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? []
  return number === undefined ? Number.NaN : Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit]
}
