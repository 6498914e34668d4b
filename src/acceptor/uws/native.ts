import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { PINNED_BINARIES, PINNED_VERSION } from './binaries.js'
import { mendCode } from './mended-code.js'
import type { UwsNative } from './native-types.js'
import { NativeUnavailable } from './native-unavailable.js'
import { cacheFolders, privateCopy } from './private-copy.js'
import { retargetGlibc } from './retarget-glibc.js'

/** The binaries are linked against this. */
const WANTED_GLIBC = [2, 38] as const
/** With the three symbols of 2.38 retargeted, this is the newest version that is still needed. */
const LOWEST_GLIBC = [2, 36] as const

/** Why a binary is not good enough for `auto`. */
const NOT_MENDED = `${PINNED_VERSION} does not refuse fields without a name, and is mended on Linux x64 only`

/** The addon as it was loaded. */
interface Loaded {
  readonly native: UwsNative
  /** Whether {@link mendCode} knew its code. */
  readonly isMended: boolean
}

let loaded: Loaded | null = null

/** What decides which binary is loaded, and how. */
export interface Platform {
  readonly os: string
  readonly arch: string
  /** Node's module ABI, `process.versions.modules`. */
  readonly abi: string
  /** Version of the running glibc, e.g. `2.36`; null where there is none. */
  readonly glibc: string | null
}

/**
 * Loads uWebSockets.js, once per process.
 *
 * uWS lives in the main thread alone: in a worker, the end of that worker would abort the whole process.
 *
 * @param headBytes request line and field section together; beyond it uWS answers 431. Read when the addon loads, so the
 *   first acceptor of a process decides (U7)
 * @param mustBeMended to take it only where {@link mendCode} knows its code
 * @throws NativeUnavailable
 */
export function loadNative(headBytes: number, mustBeMended: boolean): UwsNative {
  if (!isMainThread) throw new NativeUnavailable('it runs in the main thread only')
  loaded ??= load(headBytes)
  if (mustBeMended && !loaded.isMended) throw new NativeUnavailable(NOT_MENDED)
  return loaded.native
}

function load(headBytes: number): Loaded {
  const platform = thisPlatform()
  const fileName = binaryName(platform)
  const path = join(packageFolder(), fileName)
  const binary = verifiedBinary(path, fileName)
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(headBytes)
  const wantsCopy = needsRetargeting(platform)
  const fitting = wantsCopy ? retargeted(binary, fileName) : binary
  const mended = platform.os === 'linux' && platform.arch === 'x64' ? mendCode(fitting) : null
  let isMended = mended !== null
  let native: UwsNative
  try {
    native = wantsCopy || isMended ? loadCopy(mended ?? fitting) : open(path)
  } catch (error) {
    if (wantsCopy) throw error
    // Nowhere to put a copy: the original answers as well, but for the faults that the copy has mended.
    isMended = false
    native = open(path)
  }
  // Its mark in every answer would name the software behind the gateway.
  native._cfg('silent')
  return { native, isMended }
}

/** File name of the binary for a platform. @throws NativeUnavailable if the package has none */
export function binaryName(platform: Platform): string {
  const { os, arch, abi, glibc } = platform
  if (os === 'linux' && glibc === null) throw new NativeUnavailable('this Linux has no glibc (musl?)')
  const fileName = `uws_${os}_${arch}_${abi}.node`
  if (PINNED_BINARIES.has(fileName)) return fileName
  throw new NativeUnavailable(
    `there is none for ${os} ${arch} and Node ${process.versions.node} (ABI ${abi})`,
  )
}

/** Whether only a retargeted copy can be loaded. @throws NativeUnavailable if not even that */
export function needsRetargeting(platform: Platform): boolean {
  if (platform.os !== 'linux' || platform.glibc === null) return false
  if (isAtLeast(platform.glibc, WANTED_GLIBC)) return false
  if (isAtLeast(platform.glibc, LOWEST_GLIBC)) return true
  throw new NativeUnavailable(`glibc ${platform.glibc} is older than ${LOWEST_GLIBC.join('.')}`)
}

function isAtLeast(version: string, wanted: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1])
}

function thisPlatform(): Platform {
  return {
    os: process.platform,
    arch: process.arch,
    abi: process.versions.modules,
    glibc: process.platform === 'linux' ? runningGlibc() : null,
  }
}

function runningGlibc(): string | null {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  const before = report.excludeNetwork ?? false
  // Else the report asks the resolver for the name of every open socket's peer, which can take seconds.
  report.excludeNetwork = true
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  report.excludeNetwork = before
  return header.glibcVersionRuntime ?? null
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
  } catch (error) {
    throw new NativeUnavailable('the package uWebSockets.js is not installed', error)
  }
}

/** Reads a binary. @throws NativeUnavailable unless it is the pinned one of that name */
export function verifiedBinary(path: string, fileName: string): Buffer {
  let binary: Buffer
  try {
    binary = readFileSync(path)
  } catch (error) {
    throw new NativeUnavailable(`${fileName} cannot be read`, error)
  }
  if (createHash('sha256').update(binary).digest('hex') === PINNED_BINARIES.get(fileName)) return binary
  throw new NativeUnavailable(`${fileName} is not the pinned one of version ${PINNED_VERSION}`)
}

function retargeted(binary: Buffer, fileName: string): Buffer {
  try {
    return retargetGlibc(binary)
  } catch (error) {
    throw new NativeUnavailable(`${fileName} cannot be retargeted: ${messageOf(error)}`, error)
  }
}

function loadCopy(copy: Buffer): UwsNative {
  const hash = createHash('sha256').update(copy).digest('hex')
  const failures: string[] = []
  for (const folder of cacheFolders('headgate')) {
    try {
      return open(privateCopy(folder, `uws-${hash}.node`, copy))
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  throw new NativeUnavailable(`its changed copy cannot be loaded: ${failures.join('; ')}`)
}

function open(path: string): UwsNative {
  const holder: { exports: unknown } = { exports: {} }
  try {
    process.dlopen(holder, path)
  } catch (error) {
    throw new NativeUnavailable(messageOf(error), error)
  }
  return holder.exports as UwsNative
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
