import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const MODULE = new URL('../../dist/cli/inline-more.js', import.meta.url).href
/** V8's tag of compiled code depends on its flags. */
const SCRIPT = `
  import { cachedDataVersionTag } from 'node:v8'
  import { inlineMore } from '${MODULE}'
  const before = cachedDataVersionTag()
  inlineMore()
  console.log(JSON.stringify([before, cachedDataVersionTag()]))`

function tags(args: readonly string[], options = ''): [before: number, after: number] {
  const env = { ...process.env, NODE_OPTIONS: options }
  const said = execFileSync(process.execPath, [...args, '--input-type=module', '-e', SCRIPT], { env })
  return JSON.parse(said.toString()) as [number, number]
}

describe('room for inlining', () => {
  it('is made in the running process', () => {
    const [before, after] = tags([])
    expect(after).not.toBe(before)
  })

  it('is left as the user has set it', () => {
    const [before, after] = tags(['--max-inlined-bytecode-size-cumulative=1000'])
    expect(after).toBe(before)
  })
})
