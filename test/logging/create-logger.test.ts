import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions, START_FIELD, useColor } from '#src/logging/index.js'

function collect(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    format: 'json',
    isTerminal: false,
    env: {},
    destination: { write: (line: string) => void lines.push(line) },
    ...options,
  })
  return { logger, lines }
}

/** A logger that is readable by people writes through a stream: wait for its line. */
async function pretty(
  options: Partial<LoggerOptions>,
  log: (logger: ReturnType<typeof createLogger>) => void,
) {
  const { PassThrough } = await import('node:stream')
  const destination = new PassThrough()
  log(createLogger({ level: 'info', format: 'pretty', isTerminal: true, env: {}, destination, ...options }))
  const [chunk] = (await once(destination, 'data')) as [Buffer]
  return chunk.toString()
}

describe('createLogger', () => {
  it('writes one JSON object a line, with the level by name and the time in ISO form', () => {
    const { logger, lines } = collect()
    logger.info({ reqId: 'req-1' }, 'hello')
    const record = JSON.parse(lines[0] ?? '')
    expect(record).toMatchObject({ level: 'info', reqId: 'req-1', msg: 'hello', pid: process.pid })
    expect(new Date(record.time).toISOString()).toBe(record.time)
    expect(lines[0]?.endsWith('}\n')).toBe(true)
  })

  it('leaves out what is below the level, and everything at silent', () => {
    const warn = collect({ level: 'warn' })
    warn.logger.info('no')
    warn.logger.warn('yes')
    const silent = collect({ level: 'silent' })
    silent.logger.fatal('no')
    expect([warn.lines.length, silent.lines.length]).toEqual([1, 0])
  })

  it('never shows credentials, at the top, in an object, and in headers', () => {
    const { logger, lines } = collect()
    const secrets = {
      authorization: 'Basic c2VjcmV0',
      cookie: 'id=c2VjcmV0',
      'set-cookie': ['id=c2VjcmV0'],
      token: 'c2VjcmV0',
    }
    logger.info(secrets, 'a')
    logger.info({ options: { ...secrets, password: 'c2VjcmV0' } }, 'b')
    logger.info({ req: { headers: { ...secrets, host: 'example.com' } } }, 'c')
    expect(lines.join('')).not.toContain('c2VjcmV0')
    expect(JSON.parse(lines[2] ?? '').req.headers).toEqual({
      authorization: '[redacted]',
      cookie: '[redacted]',
      'set-cookie': '[redacted]',
      token: '[redacted]',
      host: 'example.com',
    })
  })

  it('writes errors with type, message, stack and fields', () => {
    const { logger, lines } = collect()
    logger.error({ err: Object.assign(new TypeError('broken'), { code: 'E1' }) }, 'failed')
    expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
      type: 'TypeError',
      message: 'broken',
      code: 'E1',
      stack: expect.stringContaining('create-logger.test'),
    })
  })

  it('is readable on a terminal and JSON elsewhere, when the format is auto', async () => {
    expect(await pretty({ format: 'auto' }, (logger) => logger.info('hello'))).toMatch(/INFO.*hello/)
    const { logger, lines } = collect({ format: 'auto' })
    logger.info('hello')
    expect(JSON.parse(lines[0] ?? '').msg).toBe('hello')
  })

  it('colours for a terminal, unless NO_COLOR says no', async () => {
    const log = (logger: ReturnType<typeof createLogger>) => logger.info('hello')
    expect(await pretty({}, log)).toContain('\u001b[')
    expect(await pretty({ env: { NO_COLOR: '1' } }, log)).not.toContain('\u001b[')
    expect(await pretty({ isTerminal: false }, log)).not.toContain('\u001b[')
  })

  it('shows on a terminal only the text of the start line, not its fields', async () => {
    const line = await pretty({ env: { NO_COLOR: '1' } }, (logger) =>
      logger.info({ [START_FIELD]: { listen: 'x' } }, 'headgate listens'),
    )
    expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: headgate listens\n$/)
  })
})

describe('useColor', () => {
  it.each<[Record<string, string>, boolean | undefined, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{}, undefined, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, false, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  ])('%j on a terminal: %s is %s', (env, isTerminal, expected) => {
    expect(useColor(env, isTerminal)).toBe(expected)
  })
})

describe('on standard output', () => {
  /** Runs a module in a process of its own, with the logging module at hand as an argument. */
  async function run(source: string): Promise<string> {
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', source, import.meta.resolve('#src/logging/index.js')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    await once(child, 'close')
    return output
  }

  const numbers = (output: string) =>
    output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).n as number)

  it('everything is written when the process ends right after', async () => {
    const output = await run(`
      const { createLogger } = await import(process.argv[1])
      const logger = createLogger({ level: 'info', format: 'json' })
      for (let n = 0; n < 5000; n += 1) logger.info({ n })
      process.exit(0)`)
    expect(numbers(output)).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it('everything is written when a thread flushes before it is terminated', async () => {
    const output = await run(`
      import { Worker } from 'node:worker_threads'
      const worker = new Worker(\`
        const { parentPort, workerData } = require('node:worker_threads')
        import(workerData).then(async ({ createLogger, flushLogger }) => {
          const logger = createLogger({ level: 'info', format: 'json' })
          for (let n = 0; n < 5000; n += 1) logger.info({ n })
          await flushLogger(logger)
          parentPort.postMessage('flushed')
        })\`, { eval: true, execArgv: [], workerData: process.argv[1] })
      worker.on('message', () => worker.terminate())`)
    expect(numbers(output)).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it('lines of several threads are never torn', async () => {
    const output = await run(`
      import { Worker } from 'node:worker_threads'
      for (let thread = 0; thread < 3; thread += 1) {
        new Worker(\`
          const { workerData } = require('node:worker_threads')
          import(workerData).then(async ({ createLogger, flushLogger }) => {
            const logger = createLogger({ level: 'info', format: 'json' })
            for (let n = 0; n < 3000; n += 1) {
              logger.info({ n, text: 'x'.repeat(n % 200) })
              if (n % 50 === 0) await new Promise(setImmediate)
            }
            await flushLogger(logger)
          })\`, { eval: true, execArgv: [], workerData: process.argv[1] })
      }`)
    expect(numbers(output)).toHaveLength(9000)
  })
})
