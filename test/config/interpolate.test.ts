// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the config have this form
import { describe, expect, it } from 'vitest'
import { interpolate } from '#src/config/interpolate.js'
import { load, MINIMAL, problemsOf } from './support.js'

const env = { NAME: 'value', EMPTY: '', PORT: '9000' }

function readFile(path: string): string {
  if (path === '/run/secret') return 'top secret\n'
  throw new Error('ENOENT')
}

const replace = (value: unknown) => interpolate(value, { env, readFile })

describe('references', () => {
  it.each([
    ['${NAME}', 'value'],
    ['a ${NAME} and ${PORT}!', 'a value and 9000!'],
    ['${NOPE:-default}', 'default'],
    ['${NOPE:-}', ''],
    ['${NAME:-default}', 'value'],
    ['${EMPTY}', ''],
    ['${EMPTY:-default}', 'default'],
    ['${NOPE:-a:-b}', 'a:-b'],
    ['${file:/run/secret}', 'top secret'],
    ['$${NAME}', '${NAME}'],
    ['$$${NAME}', '$${NAME}'],
    ['$NAME costs 5$', '$NAME costs 5$'],
  ])('%s becomes %s', (text, expected) => {
    expect(replace(text)).toEqual({ value: expected, faults: [] })
  })

  it('are replaced in lists and sections, never in keys, and never a second time', () => {
    const value = { list: ['${NAME}', 1, null], '${NAME}': { deep: '${TRICK:-$}{NAME}' } }
    expect(replace(value)).toEqual({
      value: { list: ['value', 1, null], '${NAME}': { deep: '${NAME}' } },
      faults: [],
    })
  })

  it.each([
    ['x ${NOPE} y', '${NOPE}', 'the environment variable NOPE is not set'],
    ['${toString}', '${toString}', 'the environment variable toString is not set'],
    ['${file:/nope}', '${file:/nope}', "cannot read '/nope': ENOENT"],
    ['${A B}', '${A B}', "'${A B}' is not a reference"],
    ['${}', '${}', "'${}' is not a reference"],
    ['open ${NAME', '${NAME', "'${NAME' has no closing brace"],
  ])('that cannot be replaced are faults: %s', (text, reference, message) => {
    expect(replace({ key: [text] }).faults).toEqual([
      { path: ['key', 0], reference, message, hint: expect.toSatisfy(() => true) },
    ])
  })
})

describe('in a config file', () => {
  it('give numbers and booleans where the schema wants them', async () => {
    const yaml = `${MINIMAL}limits: { headerCount: "\${COUNT}" }\nlog: { access: "\${ACCESS}" }\nworkers: \${WORKERS}\n`
    const { config } = await load(
      { 'headgate.yaml': yaml },
      { env: { COUNT: '50', ACCESS: 'false', WORKERS: '3' } },
    )
    expect([config.limits.headerCount, config.log.access, config.workers.count]).toEqual([50, false, 3])
  })

  it('read files relative to the config file', async () => {
    const yaml = 'upstreams:\n  app:\n    peers: ["${file:peer.txt}"]\n'
    const { config } = await load({ 'headgate.yaml': yaml, 'peer.txt': '127.0.0.1:9000\n' })
    expect(config.upstreams[0]?.peers[0]?.id).toBe('127.0.0.1:9000')
  })

  it('all show up at once when they are unset, each with its position', async () => {
    const yaml = 'listen: ${A}\nupstreams:\n  app:\n    peers:\n      - ${B}:80\n      - c:${C}\n'
    const problems = await problemsOf({ 'headgate.yaml': yaml })
    expect(problems.map(({ code, location }) => `${code} ${location?.line}:${location?.column}`)).toEqual([
      'unset-variable 1:9',
      'unset-variable 5:9',
      'unset-variable 6:11',
    ])
  })
})
