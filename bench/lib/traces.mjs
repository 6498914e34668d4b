import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const FOLDER = fileURLToPath(new URL('../data/traces/', import.meta.url))
const ENDING = '.txt.gz'

/** Traces that lie in `bench/data/traces`, in the order of names: name and file. */
export function ownTraces() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(ENDING))
    .sort()
    .map((name) => ({ name: name.slice(0, -ENDING.length), file: `${FOLDER}${name}` }))
}

/** Keys of the requests in a trace, in their order. @param file text with a key in each line, gzipped or not */
export function readTrace(file) {
  const bytes = readFileSync(file)
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  return (isGzip ? gunzipSync(bytes) : bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}
