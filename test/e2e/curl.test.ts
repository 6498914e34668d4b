import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { GatewayProcess } from '../support/gateway.js'

const MISSING = 'curl is not installed: what it would have shown of the gateway was not checked'

const hasCurl = ((): boolean => {
  try {
    execFileSync('curl', ['--version'])
    return true
  } catch {
    console.warn(MISSING)
    return false
  }
})()

const run = promisify(execFile)

/** Runs curl quietly. @throws when it exits with an error, which it does for framing that it cannot accept */
async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '60', ...args], {
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

describe.each(ACCEPTOR_KINDS)('curl over %s', (acceptor) => {
  let gateway: GatewayProcess
  let folder: string
  let file: string
  const content = randomBytes(3 * 1024 * 1024)
  const digest = createHash('sha256').update(content).digest('hex')
  const url = (path: string): string => `http://127.0.0.1:${gateway.port}${path}`

  beforeEach((context) => {
    if (!hasCurl) context.skip(MISSING)
  })
  beforeAll(async () => {
    gateway = await GatewayProcess.start({ acceptor, upstreams: {} }, ['--demo'])
    folder = mkdtempSync(join(tmpdir(), 'headgate-curl-'))
    file = join(folder, 'upload.bin')
    writeFileSync(file, content)
  }, 60_000)
  afterAll(async () => {
    await gateway.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('-T FILE: an upload of known length, which waits for 100 Continue, arrives whole', async () => {
    expect(JSON.parse(await curl('-T', file, url('/upload')))).toEqual({
      bytes: content.length,
      sha256: digest,
    })
  })

  it('-T -: a chunked upload from standard input arrives whole', async () => {
    const child = spawn('curl', ['--silent', '--show-error', '--max-time', '60', '-T', '-', url('/upload')])
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString()
    })
    child.stdin.end(content)
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(JSON.parse(output)).toEqual({ bytes: content.length, sha256: digest })
  })

  it('--data: what is posted comes back', async () => {
    expect(await curl('--data', 'hello gateway', url('/echo'))).toBe('hello gateway')
  })

  it('-I: HEAD announces the length and sends no body, and the connection can be used again', async () => {
    const info = await curl('-I', url('/bytes/1048576'), '--next', '--silent', url('/status/200'))
    expect(info).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(info.toLowerCase()).toContain('content-length: 1048576\r\n')
    expect(info).toContain('"status": 200')
  })

  it('two requests to the same place share a connection', async () => {
    const connects = await curl(
      '-o',
      '/dev/null',
      '-o',
      '/dev/null',
      '-w',
      '%{num_connects} ',
      url('/'),
      url('/headers'),
    )
    expect(connects).toBe('1 0 ')
  })

  it('--http1.0: is served by node, and refused with 505 by uws (U8)', async () => {
    const answer = await curl('--http1.0', '-i', url('/status/200'))
    expect(answer).toMatch(acceptor === 'node' ? /^HTTP\/1\.[01] 200 / : /^HTTP\/1\.1 505 /)
    if (acceptor === 'node') expect(answer).toMatch(/\r\nconnection: close\r\n/i)
  })

  it('-N: server-sent events come one by one', async () => {
    const child = spawn('curl', ['--silent', '--show-error', '-N', url('/events')])
    const closed = once(child, 'close')
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.includes('id: 2\n')) break
    }
    child.kill()
    await closed
    expect(text).toMatch(/^id: 1\ndata: \{"number":1,"time":"[^"]+"\}\n\nid: 2\n/)
  })

  it('-w: an error has a status, and its document a length', async () => {
    const answer = await curl('-w', ' %{http_code} %{size_download}', url('/nowhere'))
    const [, document = '', status, size] = /^(.*) (\d+) (\d+)$/s.exec(answer) ?? []
    expect(status).toBe('404')
    expect(Number(size)).toBe(Buffer.byteLength(document))
  })
})
