import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchAnswer } from '../support/http-client.js'

/** A filter that tells which version of it a worker has loaded. */
export class VersionedFilter {
  readonly path: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'headgate-filter-'))

  constructor(version: string) {
    this.path = join(this.#folder, 'version.mjs')
    this.write(version)
  }

  write(version: string): void {
    this.writeText(
      `export default { name: 'version', responseFilter(session) { session.respHeaderMut()?.headers.set('x-version', '${version}') } }\n`,
    )
  }

  writeText(text: string): void {
    writeFileSync(this.path, text)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The version that answers. */
export async function versionOf(port: number, path = '/'): Promise<string> {
  const { headers } = await fetchAnswer(port, path)
  return String(headers['x-version'])
}
