import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { tunedOnSchema } from '#src/config/schema-tuned-on.js'
import { configLines, editConfig, NotEditable } from '#src/tune/edit-config.js'

const MACHINE = { cores: 4, quota: 2.5, memoryBytes: 8 * 2 ** 30, cpu: 'Test "CPU": x, x64' }
const VALUE = '{ "cores": 4, "quota": 2.5, "memory": "8192MiB", "cpu": "Test \\"CPU\\": x, x64" }'
const LINE = 'tunedOn: { cores: 4, quota: 2.5, memory: 8192MiB, cpu: "Test \\"CPU\\": x, x64" }'

function edit(text: string, workers = 3): string {
  return editConfig(text, workers, MACHINE)
}

describe('tune --write', () => {
  it('changes the number alone, and puts the machine behind it', () => {
    const before = [
      '# top',
      "listen: '127.0.0.1:8080'   # for clients",
      'workers: auto   # for now',
      '',
      'upstreams:',
      '    app: {peers: [a:1,   b:2]} # odd spacing',
      '# end',
      '',
    ].join('\n')
    const after = before.replace('workers: auto   # for now\n', `workers: 3   # for now\n${LINE}\n`)
    expect(edit(before)).toBe(after)
    // A second time: the same again, with the new number.
    expect(edit(after, 5)).toBe(after.replace('workers: 3', 'workers: 5'))
  })

  it('adds both at the end when there are none', () => {
    expect(edit('upstreams: { app: { peers: [a:1] } }')).toBe(
      `upstreams: { app: { peers: [a:1] } }\nworkers: 3\n${LINE}\n`,
    )
  })

  it('replaces a fingerprint in block style, and keeps what follows', () => {
    const before =
      'tunedOn:\n  cores: 1\n  quota: none\n  memory: 1GiB\n  cpu: old\nworkers: 1\n# why\nlisten: 80\n'
    const after = edit(before)
    expect(parse(after)).toMatchObject({ workers: 3, tunedOn: { cores: 4 }, listen: 80 })
    expect(after).toContain('# why\nlisten: 80\n')
  })

  it('keeps the ends of lines of Windows', () => {
    expect(edit('workers: 1\r\nlisten: 80\r\n')).toBe(`workers: 3\r\n${LINE}\r\nlisten: 80\r\n`)
  })

  it('edits JSON, and the result is JSON', () => {
    const before = '{\n  "upstreams": { "app": { "peers": ["a:1"] } }\n}\n'
    const after = edit(before)
    expect(after).toBe(before.replace('"upstreams"', `"workers": 3,\n  "tunedOn": ${VALUE},\n  "upstreams"`))
    expect(JSON.parse(after)).toMatchObject({ workers: 3, tunedOn: { cores: 4, quota: 2.5 } })
    expect(edit('{"workers":"auto","listen":80}')).toBe(`{"workers":3, "tunedOn": ${VALUE},"listen":80}`)
  })

  it('edits YAML in flow style with its comments', () => {
    const after = edit('{ # all of it\n  workers: 1, # few\n  listen: 80 }\n')
    expect(parse(after)).toMatchObject({ workers: 3, listen: 80, tunedOn: { quota: 2.5 } })
    expect(after).toContain('# few')
  })

  it('writes anew what cannot be edited in place, with its comments', () => {
    const after = edit('a: &n 2 # two\nworkers: *n\n')
    expect(parse(after)).toMatchObject({ a: 2, workers: 3, tunedOn: { cores: 4 } })
    expect(after).toContain('# two')
  })

  it('leaves a number alone that comes from elsewhere, and says where to change it', () => {
    const reference = ['workers: $', '{WORKERS:-auto}\n'].join('')
    expect(() => edit(reference)).toThrow(NotEditable)
    expect(() => edit(reference)).toThrow(/set it to 3 where that comes from/)
    expect(() => edit('- a list\n')).toThrow(NotEditable)
    expect(() => edit('a: [\n')).toThrow(NotEditable)
  })

  it('writes what the config accepts', () => {
    const { tunedOn } = parse(configLines(2, { ...MACHINE, quota: null })) as { tunedOn: unknown }
    expect(tunedOnSchema.parse(tunedOn)).toEqual({
      cores: 4,
      quota: null,
      memory: 8 * 2 ** 30,
      cpu: 'Test "CPU": x, x64',
    })
  })
})
