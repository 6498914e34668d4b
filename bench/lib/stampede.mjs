import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { settled, subjectSample } from './measure.mjs'
import { median } from './stats.mjs'

const ANSWER_WITHIN_MS = 30_000

/**
 * All clients ask for the same thing that nobody has yet, at the same moment; then for the next. What counts is how many of their
 * requests reach the origin: one for each thing is the least, one for each request is no coalescing at all.
 */
export async function measureStampede(rows, scenario, origin, { rounds, log }) {
  for (let round = 0; round < rounds; round += 1) {
    for (const row of rows) {
      const before = await subjectSample(row.running, origin)
      const { answered, errors, waitsMs } = await stampede(row, scenario, origin, round)
      const after = await settled(row.running, origin)
      const atOrigin = after.atOrigin - before.atOrigin
      const served = after.requests - before.requests
      const asked = scenario.connections * scenario.keys
      const problems = []
      if (served !== asked) problems.push(`the client counted ${asked} requests, the gateway ${served}`)
      if (atOrigin < scenario.keys)
        problems.push(`${scenario.keys} things were asked for, and ${atOrigin} fetched`)
      row.stampede.push({
        answered,
        errors,
        atOrigin,
        perFetch: answered / atOrigin,
        waitsMs,
        void: problems,
      })
      log(
        `  ${round + 1}/${rounds} ${row.subject}: ${answered} answers, ${atOrigin} at the origin, ${median(waitsMs).toFixed(0)} ms ${problems.join('; ')}`,
      )
    }
  }
}

/** @returns answers that were right, errors, and for each thing how long it took until the last client had it */
async function stampede({ running, subject }, { connections, keys }, origin, round) {
  const { hostname, port, host } = new URL(running.url)
  const clients = await Promise.all(
    Array.from({ length: connections }, () => openClient(hostname, Number(port), origin.bodySha256)),
  )
  const result = { answered: 0, errors: 0, waitsMs: [] }
  try {
    for (let key = 0; key < keys; key += 1) {
      const request = `GET /cold/${encodeURIComponent(subject)}/${round}/${key} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
      const startMs = performance.now()
      const outcomes = await Promise.all(clients.map((client) => client.ask(request)))
      result.waitsMs.push(performance.now() - startMs)
      const right = outcomes.filter((outcome) => outcome).length
      result.answered += right
      result.errors += outcomes.length - right
    }
  } finally {
    for (const client of clients) client.close()
  }
  return result
}

/** A kept-alive connection that tells whether an answer is 200 with the right body. */
async function openClient(host, port, bodySha256) {
  const socket = connect({ host, port, noDelay: true })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  let got = Buffer.alloc(0)
  let answer = null
  const finish = (right) => {
    const resolve = answer
    answer = null
    got = Buffer.alloc(0)
    resolve?.(right)
  }
  socket.on('error', () => finish(false))
  socket.on('close', () => finish(false))
  socket.on('data', (bytes) => {
    got = Buffer.concat([got, bytes])
    const end = got.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = got.toString('latin1', 0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    // Without a length it could not be told apart from the next; all subjects send one for what the origin sent with one.
    if (length === undefined) finish(false)
    else if (got.length >= end + 4 + Number(length)) {
      const body = got.subarray(end + 4, end + 4 + Number(length))
      finish(
        head.startsWith('HTTP/1.1 200') && createHash('sha256').update(body).digest('hex') === bodySha256,
      )
    }
  })
  return {
    ask(request) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN_MS)
        answer = (right) => {
          clearTimeout(timer)
          resolve(right)
        }
        if (socket.destroyed) finish(false)
        else socket.write(request)
      })
    },
    close: () => socket.destroy(),
  }
}
