import type { Filter, FilterFactory } from '#src/lifecycle/index.js'

/** Whoever stores an answer that has `x-die` dies in the middle of it, with the lock of the index in its hand. */
const amidst: FilterFactory = async (options) => {
  const { EntryTable } = await import(String(options['table']))
  const filter: Filter = {
    name: 'amidst',
    responseCacheFilter(_, response) {
      if (response.headers.has('x-die')) EntryTable.prototype.link = () => process.exit(1)
      return undefined
    },
  }
  return filter
}

export default amidst
