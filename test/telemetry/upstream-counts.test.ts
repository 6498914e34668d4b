import { expect, it } from 'vitest'
import type { ControlTask } from '#src/control/control-task.js'
import { UpstreamHistory } from '#src/control/upstream-history.js'
import { UpstreamCounts } from '#src/telemetry/index.js'

/** What the history reads of a task. */
function taskOf(names: readonly string[], counts: UpstreamCounts): ControlTask {
  const upstreams = names.map((name) => ({ name }))
  return {
    workers: 2,
    telemetry: { upstreams: counts.buffer },
    peers: { upstreams },
  } as unknown as ControlTask
}

it('attempts are summed over workers, and by names over configurations whose workers still finish', () => {
  const first = new UpstreamCounts(2, 2)
  const history = new UpstreamHistory(taskOf(['a', 'b'], first))
  first.of(0, 0).answered(200)
  first.of(1, 0).answered(200)
  first.of(1, 1).failed('connection_refused')
  const [a, b] = history.totals()
  expect(a?.answers).toEqual(new Map([[200, 2]]))
  expect(b?.failures).toEqual(new Map([['connection_refused', 1]]))

  let last = first
  for (let reload = 0; reload < 6; reload += 1) {
    last = new UpstreamCounts(2, 1)
    history.use(taskOf(['b'], last))
    last.of(0, 0).answered(999)
    // A worker of the configuration before finishes a session.
    if (reload === 0) first.of(0, 1).answered(204)
    last.of(1, 0).retried()
    last.of(1, 0).ended('GET', 200, 2)
  }
  expect(history.totals()).toMatchObject([
    {
      name: 'b',
      answers: new Map([
        [204, 1],
        [-1, 6],
      ]),
      failures: new Map([['connection_refused', 1]]),
      retries: 6,
    },
  ])
  expect(history.totals()[0]?.durations.all()).toMatchObject([
    { method: 'GET', status: 200, count: 6, sumS: 0.012 },
  ])
  // The same memory again is no new configuration.
  history.use(taskOf(['b'], last))
  expect(history.totals()[0]?.answers.get(-1)).toBe(6)
})

it('connections of workers that are gone do not count', () => {
  const counts = new UpstreamCounts(2, 1)
  counts.of(0, 0).setConnections(3, 4)
  counts.of(1, 0).setConnections(5, 6)
  expect(counts.connections(0, () => true)).toEqual({ active: 8, idle: 10 })
  expect(counts.connections(0, (worker) => worker === 1)).toEqual({ active: 5, idle: 6 })
})
