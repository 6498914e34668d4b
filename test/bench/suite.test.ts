import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import { benchModule } from './bench-module.js'

interface Origin {
  readonly pid: number
  readonly url: string
  counters(): Promise<{ readonly requests: number }>
}

interface Row {
  readonly subject: string
  readonly closed: readonly { readonly void: readonly string[]; readonly perSecond?: number }[]
}

interface Result {
  readonly rows: readonly Row[]
  readonly missing: readonly { readonly subject: string; readonly reason: string }[]
}

const { runScenario } = (await benchModule('lib/suite.mjs')) as {
  runScenario(scenario: unknown, options: unknown): Promise<Result>
}
const { scenarioText } = (await benchModule('report/tables.mjs')) as {
  scenarioText(scenario: unknown): string
}

/** A subject that passes everything on by being the origin itself. @param onRound told of each time that it is asked for its counters */
function passing(onSample: () => void = () => undefined) {
  return {
    missing: () => null,
    start: async (_: unknown, origin: Origin) => ({
      pid: origin.pid,
      url: origin.url,
      requests: async () => {
        onSample()
        return (await origin.counters()).requests
      },
      stop: async () => undefined,
    }),
  }
}

const SCENARIO = {
  name: 'test',
  title: 'Test',
  why: 'Because.',
  kind: 'load',
  origin: { bodyBytes: 10 },
  connections: 2,
  warmAnswers: 1,
}
const OPTIONS = {
  only: null,
  rounds: 1,
  seconds: 1,
  latencyRounds: 0,
  latencySeconds: 1,
  shares: [],
  warmUpSeconds: 0.05,
  log: () => undefined,
}

describe('turning a peer off, or a peer that fails, changes only its own row', () => {
  it('while it is measured: absent, refused at the start, wrong, or dying in the middle', async () => {
    let samples = 0
    const subjects = {
      well: passing(),
      absent: { ...passing(), missing: () => 'not installed' },
      refusing: {
        ...passing(),
        start: () =>
          Promise.reject(
            new Error(
              `first line\nerror: ${process.execPath}, /tmp/headgate-bench-Ab1/x.json: no such option\nand the rest`,
            ),
          ),
      },
      wrong: {
        ...passing(),
        start: async (_: unknown, origin: Origin) => ({
          ...(await passing().start(_, origin)),
          check: async () => ['its answers are wrong'],
        }),
      },
      dying: passing(() => {
        samples += 1
        if (samples > 0) throw new Error('it is gone')
      }),
    }
    const result = await runScenario(
      { ...SCENARIO, subjects: Object.keys(subjects) },
      { ...OPTIONS, subjects },
    )
    expect(result.missing).toEqual([
      { subject: 'absent', reason: 'not installed' },
      { subject: 'refusing', reason: 'error: node, x.json: no such option' },
      { subject: 'wrong', reason: 'its answers are wrong' },
    ])
    const [well, dying] = result.rows
    expect(well).toMatchObject({ subject: 'well', closed: [{ void: [] }] })
    expect(well?.closed[0]?.perSecond).toBeGreaterThan(0)
    expect(dying).toMatchObject({ subject: 'dying', closed: [{ void: ['it failed: it is gone'] }] })
  })

  it('in the report: all other lines stay, but for ratios to it where it is what others are compared with', () => {
    const closed = (perSecond: number, cpuUs: number) => [
      {
        perSecond,
        cpuUs,
        p99Ms: 1,
        residentMiB: 50,
        voluntaryPerRequest: 0,
        involuntaryPerRequest: 0,
        errors: 0,
        void: [],
      },
    ]
    const row = (subject: string, perSecond: number, cpuUs: number) => ({
      subject,
      closed: closed(perSecond, cpuUs),
      open: {},
    })
    const rows = [row('direct', 100, 5), row('nginx', 50, 10), row('haproxy', 60, 9), row('headgate', 40, 15)]
    const linesWithout = (off: string) =>
      scenarioText({ ...SCENARIO, missing: [], rows: rows.filter(({ subject }) => subject !== off) })
        .split('\n')
        .filter((line) => line.startsWith('| '))
    const all = linesWithout('none')
    expect(linesWithout('haproxy')).toEqual(all.filter((line) => !line.startsWith('| haproxy')))
    expect(linesWithout('headgate')).toEqual(all.filter((line) => !line.startsWith('| headgate')))
    const cells = (lines: readonly string[], subject: string) =>
      lines
        .find((line) => line.startsWith(`| ${subject} `))
        ?.split(' | ')
        .slice(4)
    for (const off of ['nginx', 'direct'])
      expect(cells(linesWithout(off), 'headgate')).toEqual(cells(all, 'headgate'))
  })
})

it('a subject whose bodies turn wrong behind the warm-up loses the rounds of its closed loop', async () => {
  const liar = createServer((_, response) => response.end('not the body'))
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
  const address = liar.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const subjects = {
    turning: {
      missing: () => null,
      start: async (_: unknown, origin: Origin) => {
        let samples = 0
        return {
          pid: origin.pid,
          // From the end of the round on it is another server.
          get url() {
            return samples > 1 ? `http://127.0.0.1:${port}` : origin.url
          },
          requests: async () => {
            samples += 1
            return (await origin.counters()).requests
          },
          stop: async () => undefined,
        }
      },
    },
  }
  try {
    const { rows } = await runScenario({ ...SCENARIO, subjects: ['turning'] }, { ...OPTIONS, subjects })
    expect(rows[0]?.closed[0]?.void).toEqual(['wrong bodies behind the rounds'])
  } finally {
    liar.close()
    liar.closeAllConnections()
  }
})
