import { describe, expect, it } from 'vitest'
import { load, MINIMAL, problemsOf } from './support.js'

// The machine of the support module: 4 cores, 8 GiB, no quota.
const HERE = '{ cores: 4, quota: none, memory: 8GiB, cpu: "Test CPU, x64" }'

async function warnings(tunedOn: string, workers = '3', flags = {}) {
  const loaded = await load(
    { 'headgate.yaml': `${MINIMAL}workers: ${workers}\ntunedOn: ${tunedOn}\n` },
    { overrides: flags },
  )
  return loaded.warnings
}

describe('tunedOn', () => {
  it('says nothing on the machine that was measured', async () => {
    expect(await warnings(HERE)).toEqual([])
    expect(await warnings(HERE.replace('8GiB', '7.75GiB'))).toEqual([])
  })

  it.each([
    [HERE.replace('cores: 4', 'cores: 16'), '4 cores instead of 16 cores'],
    [HERE.replace('none', '2.5'), 'no CPU quota instead of a CPU quota of 2.5 cores'],
    [HERE.replace('8GiB', '2GiB'), '8.0 GiB of memory instead of 2.0 GiB'],
    [HERE.replace('Test', 'Old'), 'Test CPU, x64 instead of Old CPU, x64'],
  ])('warns on another one: %s', async (tunedOn, change) => {
    const [warning, ...others] = await warnings(tunedOn)
    expect(others).toEqual([])
    expect(warning).toMatchObject({ severity: 'warning', code: 'stale-tuning', path: 'tunedOn' })
    expect(warning?.message).toContain(change)
    expect(warning?.hint).toContain('headgate tune --write')
    expect(warning?.location).toMatchObject({ line: 3, column: 1 })
  })

  it('says nothing about a number that it is not about', async () => {
    const elsewhere = HERE.replace('cores: 4', 'cores: 16')
    expect(await warnings(elsewhere, 'auto')).toEqual([])
    expect(await warnings(elsewhere, '3', { workers: '2' })).toEqual([])
  })

  it('refuses a quota that is none', async () => {
    const file = `${MINIMAL}workers: 1\ntunedOn: ${HERE.replace('none', '0')}\n`
    const [problem] = await problemsOf({ 'headgate.yaml': file })
    expect(problem).toMatchObject({ path: 'tunedOn.quota', code: 'invalid-value' })
  })
})
