import { open, realpath, stat } from 'node:fs/promises'
import { extname, resolve, sep } from 'node:path'
import type { Transport, TransportRequest, TransportResponse } from '../upstream/transport.js'
import { tooLarge } from './exchange.js'

export interface FileTransportOptions {
  /** Folder that URL paths are looked up in; nothing outside it is ever read. */
  readonly root: string
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number
}

const TYPES: Readonly<Record<string, string>> = { '.xml': 'text/xml', '.json': 'application/json' }

/** Answers with files: the path of a URL, whatever its host, is one beneath the root (C-14). 404 where there is none. */
export class FileTransport implements Transport {
  readonly #root: string
  readonly #maxBodyBytes: number

  constructor({ root, maxBodyBytes = 1_048_576 }: FileTransportOptions) {
    this.#root = resolve(root)
    this.#maxBodyBytes = maxBodyBytes
  }

  async send({ url, signal }: TransportRequest): Promise<TransportResponse> {
    signal?.throwIfAborted()
    const file = await this.#find(url)
    if (file === null) return { status: 404, headers: {}, body: new Uint8Array(0), url }
    const handle = await open(file, 'r')
    try {
      if ((await handle.stat()).size > this.#maxBodyBytes) throw tooLarge(this.#maxBodyBytes)
      const body = await handle.readFile()
      const type = TYPES[extname(file)] ?? 'application/octet-stream'
      return { status: 200, headers: { 'content-type': type }, body, url }
    } finally {
      await handle.close()
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async healthCheck(): Promise<boolean> {
    return await stat(this.#root).then(
      (it) => it.isDirectory(),
      () => false,
    )
  }

  /** The file that a URL names; null when there is none, or it lies outside the root, be it by a link. */
  async #find(url: string): Promise<string | null> {
    try {
      const path = decodeURIComponent(new URL(url, 'file:///').pathname)
      const root = await realpath(this.#root)
      const file = await realpath(resolve(root, `.${path}`))
      if (!file.startsWith(root + sep)) return null
      return (await stat(file)).isFile() ? file : null
    } catch {
      return null
    }
  }
}
