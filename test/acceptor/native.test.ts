import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import os, { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { PINNED_BINARIES } from '#src/acceptor/uws/binaries.js'
import { binaryName, needsRetargeting, verifiedBinary } from '#src/acceptor/uws/native.js'
import { cacheFolders, privateCopy } from '#src/acceptor/uws/private-copy.js'
import { retargetGlibc } from '#src/acceptor/uws/retarget-glibc.js'

const packageFolder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
const linuxBinaries = [...PINNED_BINARIES.keys()].filter((name) => name.startsWith('uws_linux_'))
const read = (name: string): Buffer => readFileSync(join(packageFolder, name))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-test-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe('pinned binaries', () => {
  it('are those of the package, every one of them', () => {
    const found = readdirSync(packageFolder).filter((name) => name.endsWith('.node'))
    const hashes = found.map((name) => [name, createHash('sha256').update(read(name)).digest('hex')] as const)
    expect(new Map(hashes)).toEqual(PINNED_BINARIES)
  })

  it('a binary with one bit changed is not loaded', () => {
    const name = linuxBinaries[0] ?? ''
    const changed = read(name)
    changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1
    const path = join(folder, name)
    writeFileSync(path, changed)
    expect(() => verifiedBinary(path, name)).toThrow(/not the pinned one.*use --acceptor node/)
    expect(() => verifiedBinary(join(folder, 'none'), name)).toThrow(/cannot be read.*use --acceptor node/)
  })
})

describe('the choice of a binary', () => {
  const linux = { os: 'linux', arch: 'x64', abi: '115', glibc: '2.36' }

  it.each([
    [linux, 'uws_linux_x64_115.node'],
    [{ ...linux, arch: 'arm64', abi: '137' }, 'uws_linux_arm64_137.node'],
    [{ os: 'darwin', arch: 'arm64', abi: '127', glibc: null }, 'uws_darwin_arm64_127.node'],
    [{ os: 'win32', arch: 'x64', abi: '141', glibc: null }, 'uws_win32_x64_141.node'],
  ])('%j is %s', (platform, name) => {
    expect(binaryName(platform)).toBe(name)
  })

  it.each([
    [{ ...linux, glibc: null }, /musl/],
    [{ ...linux, abi: '999' }, /ABI 999/],
    [{ ...linux, arch: 'riscv64' }, /linux riscv64/],
    [{ os: 'freebsd', arch: 'x64', abi: '115', glibc: null }, /freebsd/],
  ])('%j has none, and the message says what to do', (platform, why) => {
    expect(() => binaryName(platform)).toThrow(why)
    expect(() => binaryName(platform)).toThrow(/^no uWebSockets\.js binary fits: .*; use --acceptor node$/)
  })

  it.each([
    ['2.38', false],
    ['2.40', false],
    ['3.0', false],
    ['2.37', true],
    ['2.36', true],
  ])('on glibc %s a copy is needed: %s', (glibc, needed) => {
    expect(needsRetargeting({ ...linux, glibc })).toBe(needed)
  })

  it('glibc 2.35 is too old, other systems need no copy', () => {
    expect(() => needsRetargeting({ ...linux, glibc: '2.35' })).toThrow(/glibc 2\.35 is older than 2\.36/)
    expect(needsRetargeting({ os: 'darwin', arch: 'arm64', abi: '115', glibc: null })).toBe(false)
  })

  it('it is refused in a worker thread, whose end would abort the process', async () => {
    const code = `
      import { parentPort } from 'node:worker_threads'
      import { loadNative } from ${JSON.stringify(new URL('../../dist/acceptor/uws/native.js', import.meta.url).href)}
      try { loadNative(1000, false); parentPort.postMessage('loaded') } catch (error) { parentPort.postMessage(error.message) }
    `
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
    const message = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    expect(message).toMatch(/main thread only; use --acceptor node/)
  })
})

describe('the copy of a binary that nobody can write', () => {
  const createIn = (places: string): string => {
    const code = `
      import { createAcceptor } from ${JSON.stringify(new URL('../../dist/acceptor/index.js', import.meta.url).href)}
      const limits = { headerBytes: 1000, headerCount: 9, targetBytes: 1000, bodyBytes: 0, connections: 9 }
      const timeouts = { idleMs: 1000, bodyMs: 1000, writeMs: 1000 }
      const options = { host: '127.0.0.1', port: 0, limits, timeouts, chunked: 'close' }
      const nothing = () => {}
      const handler = {
        onRequest: nothing, onBody: nothing, onAbort: nothing, onDrain: nothing, onFinish: nothing, onRefused: nothing,
      }
      const { kind, fallbackReason } = await createAcceptor('auto', options, handler)
      process.stdout.write(kind + ': ' + fallbackReason)
      process.exit(0)
    `
    const env = { ...process.env, XDG_CACHE_HOME: places, TMPDIR: places }
    return spawnSync(process.execPath, ['--input-type=module', '-e', code], { env, encoding: 'utf8' }).stdout
  }

  it('makes auto take node, and say why', () => {
    // A file is no folder, not even for root.
    const file = join(folder, 'no-folder')
    writeFileSync(file, '')
    expect(createIn(file)).toMatch(/^node: (its changed copy cannot be loaded: ENOTDIR|.* is mended on)/)
  })

  it('is not needed where there is a place for it', () => {
    expect(createIn(join(folder, 'cache'))).toBe('uws: null')
  })
})

describe('retargetGlibc', () => {
  it.each(linuxBinaries)('%s needs glibc 2.38 for three symbols, and then not any more', (name) => {
    const binary = read(name)
    const before = Buffer.from(binary)
    const copy = retargetGlibc(binary)
    expect(binary.equals(before)).toBe(true)
    expect(copy.length).toBe(binary.length)
    // Three symbols of 24 bytes and of 2, and one need: nothing else may differ.
    let changed = 0
    for (let at = 0; at < copy.length; at += 1) if (copy[at] !== binary[at]) changed += 1
    expect(changed).toBeGreaterThan(3)
    expect(changed).toBeLessThanOrEqual(3 * (4 + 2) + 8)
    expect(() => retargetGlibc(copy)).toThrow('it does not need GLIBC_2.38')
  })

  it('is the same copy every time', () => {
    const binary = read(linuxBinaries[0] ?? '')
    expect(retargetGlibc(binary).equals(retargetGlibc(binary))).toBe(true)
  })

  it('refuses when another symbol needs 2.38', () => {
    const binary = read(linuxBinaries[0] ?? '')
    binary.write('__isoc24_strtol\0', binary.indexOf('__isoc23_strtol\0'), 'latin1')
    expect(() => retargetGlibc(binary)).toThrow('symbol __isoc24_strtol needs GLIBC_2.38')
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('#!/bin/sh\n'.repeat(20))],
    ['32-bit ELF', Buffer.concat([Buffer.from('\x7fELF\x01\x01', 'latin1'), Buffer.alloc(100)])],
  ])('refuses %s', (_, binary) => {
    expect(() => retargetGlibc(binary)).toThrow(/not a 64-bit little-endian ELF file/)
  })

  it('refuses when another library needs 2.38', () => {
    const binary = read(linuxBinaries.find((name) => name.includes('x64')) ?? '')
    const text = binary.toString('latin1')
    const other = Buffer.from(text.replaceAll('\0libc.so.6\0', '\0libm.so.6\0'), 'latin1')
    expect(() => retargetGlibc(other)).toThrow('libm.so.6 is needed in version GLIBC_2.38')
  })

  it('refuses a truncated binary, and one of another machine', () => {
    const binary = read(linuxBinaries[0] ?? '')
    expect(() => retargetGlibc(binary.subarray(0, 4096))).toThrow(/section table/)
    binary.writeUInt16LE(243, 18)
    expect(() => retargetGlibc(binary)).toThrow('machine 243 is not supported')
  })
})

describe('privateCopy', () => {
  const content = Buffer.from('the right bytes')

  it('writes into a folder that is closed to others, and finds the file there again', () => {
    const place = join(folder, 'a', 'b')
    const path = privateCopy(place, 'file', content)
    expect(readFileSync(path).equals(content)).toBe(true)
    expect(statSync(place).mode & 0o777).toBe(0o700)
    expect(statSync(path).mode & 0o077).toBe(0)
    const { ino, mtimeMs } = statSync(path)
    expect(privateCopy(place, 'file', content)).toBe(path)
    expect(statSync(path)).toMatchObject({ ino, mtimeMs })
    expect(readdirSync(place)).toEqual(['file'])
  })

  it('closes a folder of ours that is open to others', () => {
    const place = join(folder, 'open')
    mkdirSync(place)
    chmodSync(place, 0o777)
    privateCopy(place, 'file', content)
    expect(statSync(place).mode & 0o777).toBe(0o700)
  })

  it('replaces what somebody planted under the name', () => {
    const place = join(folder, 'planted')
    mkdirSync(place, { mode: 0o700 })
    writeFileSync(join(place, 'file'), 'the wrong bytes')
    expect(readFileSync(privateCopy(place, 'file', content)).equals(content)).toBe(true)
  })

  it('does not follow a link instead of the file', () => {
    const place = join(folder, 'linked')
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(place, { mode: 0o700 })
    writeFileSync(elsewhere, content)
    symlinkSync(elsewhere, join(place, 'file'))
    const path = privateCopy(place, 'file', content)
    writeFileSync(elsewhere, 'changed later')
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it('refuses a link instead of the folder', () => {
    const real = join(folder, 'real')
    mkdirSync(real)
    symlinkSync(real, join(folder, 'link'))
    expect(() => privateCopy(join(folder, 'link'), 'file', content)).toThrow(/not a folder of this user/)
    expect(existsSync(join(real, 'file'))).toBe(false)
  })

  it('leaves no draft where the file cannot get its name', () => {
    const place = join(folder, 'taken')
    mkdirSync(join(place, 'file', 'within'), { recursive: true })
    expect(() => privateCopy(place, 'file', content)).toThrow()
    expect(readdirSync(place)).toEqual(['file'])
  })

  it('has a place to try for a user without a home', () => {
    vi.stubEnv('XDG_CACHE_HOME', undefined)
    vi.spyOn(os, 'homedir').mockImplementation(() => {
      throw new Error('no entry in the password file')
    })
    syncBuiltinESMExports()
    try {
      expect(cacheFolders('headgate')).toEqual([join(tmpdir(), `headgate-${process.getuid?.() ?? 'user'}`)])
    } finally {
      vi.restoreAllMocks()
      vi.unstubAllEnvs()
      syncBuiltinESMExports()
    }
  })

  it('has places to try that name the program, all absolute', () => {
    const folders = cacheFolders('headgate')
    expect(folders.length).toBeGreaterThan(1)
    for (const place of folders) expect(place).toMatch(/^(\/|[A-Z]:).*headgate/)
  })
})
