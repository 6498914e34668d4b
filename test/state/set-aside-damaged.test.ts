import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setAsideDamaged } from '#src/state/set-aside-damaged.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-damage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = (): string => join(folder, 'data.mdb')

describe('C13 a damaged database', () => {
  it('is moved aside when reading it would end the process', async () => {
    writeFileSync(file(), Buffer.alloc(65_536, 7))
    const aside = await setAsideDamaged(folder)
    expect(aside).toContain('data.mdb.damaged-')
    expect(readdirSync(folder)).not.toContain('data.mdb')
  })

  it('is moved aside when a value in it is none', async () => {
    const database = open({ path: folder, encoding: 'binary' })
    // Text of 4 GiB that is not there.
    await database.put('k', Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]))
    await database.close()
    expect(await setAsideDamaged(folder)).toContain('data.mdb.damaged-')
  })

  it('is only what is damaged: a whole one stays, and what cannot be opened for another reason, with the spend that it knows', async () => {
    const database = open({ path: folder, encoding: 'msgpack' })
    await database.put('k', { spent: 1 })
    await database.close()
    expect(await setAsideDamaged(folder)).toBeNull()
    rmSync(file())
    mkdirSync(file())
    writeFileSync(join(file(), 'not-a-database'), 'x')
    expect(await setAsideDamaged(folder)).toBeNull()
    expect(readdirSync(folder)).toContain('data.mdb')
  })
})
