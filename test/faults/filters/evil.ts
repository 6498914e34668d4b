import type { Filter } from '#src/index.js'

/** What a filter can do wrong, by the last part of the path. */
const DEEDS: Readonly<Record<string, () => void | Promise<void>>> = {
  throws() {
    throw new Error('secret of the filter')
  },
  async rejects() {
    await null
    throw new Error('secret of the filter')
  },
  'overflows-the-stack'() {
    const deeper = (): number => deeper() + 1
    deeper()
  },
  never: () => new Promise(() => {}),
  'forgets-a-rejection'() {
    void Promise.reject(new Error('nobody waits for this'))
  },
  'throws-later'() {
    setTimeout(() => {
      throw new Error('thrown from a timer')
    }, 1)
  },
  exits() {
    process.exit(0)
  },
  loops() {
    for (;;);
  },
  'exhausts-the-heap'() {
    const kept: number[][] = []
    for (;;) kept.push(new Array<number>(10_000).fill(kept.length))
  },
}

const evil: Filter = {
  name: 'evil',
  requestFilter(session) {
    return DEEDS[session.reqHeader()?.uri.path.split('/').at(-1) ?? '']?.()
  },
}

export default evil
