import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'

/** PIPE_BUF: other threads write to the same pipe, and only writes up to here are never interleaved. */
const PIPE_BYTES = 4096
/** To a file: one write is appended whole, whatever its size. */
const FILE_BYTES = 64 * 1024
const NEWLINE = 10
const STDOUT = 1

/** Where lines end up. */
export interface LineSinkOptions {
  /** Absolute path; null: standard output. */
  readonly file: string | null
  /** Waits before a full pipe is tried again; false: it is not to be tried again. */
  readonly wait: () => boolean
  /** For tests. Default `fs.writeSync`. */
  readonly write?: (descriptor: number, bytes: Uint8Array) => number
}

/** A file or a pipe that takes lines. What it does not take is dropped and counted: nothing waits for it without an end. */
export class LineSink {
  /** Lines that were lost here. */
  dropped = 0
  /** Why the last write failed, '' when it did not. */
  problem = ''
  readonly #options: LineSinkOptions
  readonly #write: (descriptor: number, bytes: Uint8Array) => number
  #descriptor: number
  #chunkBytes: number
  /** A line was cut by a failure: the next one is to begin on a line of its own. */
  #isCut = false

  /** @throws Error with the system's code, if the file cannot be opened */
  constructor(options: LineSinkOptions) {
    this.#options = options
    this.#write = options.write ?? ((descriptor, bytes) => writeSync(descriptor, bytes))
    this.#descriptor = options.file === null ? openOutput() : openLog(options.file)
    this.#chunkBytes = fstatSync(this.#descriptor).isFile() ? FILE_BYTES : PIPE_BYTES
  }

  /** Opens the file anew, under its name: whoever rotates logs has moved the old one away. The old one stays if that fails. */
  reopen(): void {
    const { file } = this.#options
    if (file === null) return
    try {
      const opened = openLog(file)
      closeSync(this.#descriptor)
      this.#descriptor = opened
      this.#chunkBytes = fstatSync(opened).isFile() ? FILE_BYTES : PIPE_BYTES
      this.problem = ''
    } catch (error) {
      this.problem = codeOf(error)
    }
  }

  /** @param lines whole ones */
  write(lines: Buffer): void {
    for (let from = 0; from < lines.length; ) {
      const limit = Math.min(lines.length, from + this.#chunkBytes)
      const cut = limit === lines.length ? limit : lines.lastIndexOf(NEWLINE, limit - 1) + 1
      // A line that is longer than a chunk goes alone.
      const end = cut > from ? cut : lines.indexOf(NEWLINE, from) + 1
      this.#writeChunk(lines.subarray(from, end))
      from = end
    }
  }

  close(): void {
    if (this.#descriptor !== STDOUT) closeSync(this.#descriptor)
  }

  #writeChunk(chunk: Buffer): void {
    let rest = this.#isCut ? Buffer.concat([Buffer.from('\n'), chunk]) : chunk
    while (rest.length > 0) {
      try {
        rest = rest.subarray(this.#write(this.#descriptor, rest))
        this.#isCut = false
        this.problem = ''
      } catch (error) {
        const code = codeOf(error)
        if (code === 'EAGAIN' && this.#options.wait()) continue
        this.problem = code
        this.dropped += countLines(rest)
        this.#isCut = this.#isCut || rest.length < chunk.length
        return
      }
    }
  }
}

/** A pipe by a name is not waited for either, neither for a reader nor for room; of a file that changes nothing. */
function openLog(file: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = constants
  return openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640)
}

/**
 * A pipe is opened once more by its name, so that writing to it does not block: a thread that hangs in a write could not even be ended. Its other users
 * keep their own mode. Where there is no such name, standard output is used as it is.
 */
function openOutput(): number {
  try {
    if (fstatSync(STDOUT).isFIFO())
      return openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // No /proc, or nobody reads any more: then writing says so.
  }
  return STDOUT
}

function countLines(bytes: Buffer): number {
  let lines = 0
  for (const byte of bytes) if (byte === NEWLINE) lines += 1
  return lines
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'ERR'
}
