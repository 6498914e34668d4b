import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type PackedError, packError, unpackError } from '#src/session/error-codec.js'
import {
  GatewayError,
  InvalidHeader,
  InvalidRequest,
  MaxRetriesExceeded,
  NoPeerAvailable,
  REASONS,
  SessionClosed,
} from '#src/session/errors.js'
import { publicMessage } from '#src/session/public-message.js'
import { connectError, headersTimeout } from '#src/upstream/http1/upstream-errors.js'

/** Sends a value through another thread and back. */
async function throughThread<T>(value: T): Promise<T> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.once('message', (value) => parentPort.postMessage(value))`,
    { eval: true },
  )
  worker.postMessage(value)
  const [back] = (await once(worker, 'message')) as [T]
  await worker.terminate()
  return back
}

const last = new GatewayError('refused', {
  code: 'HG_CONNECT_FAILED',
  status: 502,
  reason: 'connection_refused',
  source: 'upstream',
  retry: 'always',
  cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
})

describe('errors', () => {
  it('A-58 MaxRetriesExceeded is a GatewayError with name, code, attempts and the last error, for 502', () => {
    const error = new MaxRetriesExceeded(4, last)
    expect(error).toBeInstanceOf(GatewayError)
    expect(error).toMatchObject({
      name: 'MaxRetriesExceeded',
      code: 'HG_MAX_RETRIES',
      attempts: 4,
      status: 502,
      reason: 'connection_refused',
      cause: last,
    })
    expect(String(error)).toBe('MaxRetriesExceeded: gave up after 4 attempts')
  })

  it('A-58 MaxRetriesExceeded survives a thread boundary with its class, fields and causes', async () => {
    const packed = await throughThread<PackedError>(packError(new MaxRetriesExceeded(4, last)))
    const error = unpackError(packed)
    expect(error).toBeInstanceOf(MaxRetriesExceeded)
    expect(error).toMatchObject({
      name: 'MaxRetriesExceeded',
      code: 'HG_MAX_RETRIES',
      attempts: 4,
      status: 502,
    })
    expect(error.cause).toBeInstanceOf(GatewayError)
    expect(error.cause).toMatchObject({
      code: 'HG_CONNECT_FAILED',
      retry: 'always',
      reason: 'connection_refused',
    })
    expect((error.cause as Error).cause).toMatchObject({ name: 'Error', message: 'connect' })
  })

  it.each([
    new NoPeerAvailable('app', last),
    new InvalidHeader('bad'),
    new InvalidRequest('bad', { status: 413, cause: new SyntaxError('json') }),
    new SessionClosed(),
    last,
    new TypeError('plain'),
  ])('A-58 $name survives packing with its class and fields', (error) => {
    const back = unpackError(structuredClone(packError(error)))
    expect(back.name).toBe(error.name)
    expect(back.message).toBe(error.message)
    if (!(error instanceof GatewayError)) return
    expect(back).toBeInstanceOf(error.constructor)
    const { code, status, reason, source, retry } = error
    expect(back).toMatchObject({ code, status, reason, source, retry })
  })

  it('packing takes anything thrown, and ends with a chain of causes', () => {
    expect(unpackError(packError('text')).message).toBe('text')
    expect(unpackError(packError(undefined)).message).toBe('undefined')
    const loop = new Error('loop')
    loop.cause = loop
    expect(JSON.stringify(packError(loop)).length).toBeLessThan(1000)
  })

  it('A-59 NoPeerAvailable is for 503, and names its upstream', () => {
    expect(new NoPeerAvailable('app')).toMatchObject({ status: 503, code: 'HG_NO_PEER', upstream: 'app' })
  })

  it('has the error types of RFC 9209, each once', () => {
    expect(new Set(REASONS).size).toBe(REASONS.length)
    for (const reason of REASONS) expect(reason).toMatch(/^[a-z_]+$/)
  })
})

describe('errors of another copy of the package', () => {
  it('are instances of the same class of this copy, and of no other', async () => {
    const other = (await import(
      /* @vite-ignore */ `${import.meta.resolve('#src/session/errors.js')}?copy`
    )) as {
      GatewayError: typeof GatewayError
      InvalidRequest: typeof InvalidRequest
    }
    expect(other.InvalidRequest).not.toBe(InvalidRequest)
    const error = new other.InvalidRequest('bad')
    expect(error instanceof InvalidRequest).toBe(true)
    expect(error instanceof GatewayError).toBe(true)
    expect(error instanceof InvalidHeader).toBe(false)
    expect(new InvalidRequest('x') instanceof other.GatewayError).toBe(true)
  })

  it('do not blur classes that users make', () => {
    class Quota extends GatewayError {}
    const { code, status, reason, source } = last
    const quota = new Quota('q', { code, status, reason, source })
    expect(quota instanceof Quota && quota instanceof GatewayError).toBe(true)
    expect(last instanceof Quota).toBe(false)
    expect({} instanceof GatewayError || (null as unknown) instanceof GatewayError).toBe(false)
  })
})

describe('what a client reads of an error', () => {
  it('B22 is nothing of addresses, names and parser states behind the gateway', () => {
    const refused = connectError(new Error('connect ECONNREFUSED 10.1.2.3:9000'), false)
    expect(publicMessage(refused)).toBe('the upstream could not be reached')
    expect(publicMessage(headersTimeout())).toBe('the upstream did not answer in time')
    expect(publicMessage(new NoPeerAvailable('billing-internal'))).toBe('no upstream is available')
    expect(publicMessage(new MaxRetriesExceeded(4, refused))).toBe('the upstream failed repeatedly')
  })

  it('is the message itself where it is about the request', () => {
    expect(publicMessage(new InvalidRequest('no such campaign'))).toBe('no such campaign')
  })
})
