/** No gateway at all: the ceiling. */
export const direct = {
  setup: 'the generator asks the origin itself',
  missing: () => null,
  version: () => process.version,
  start: async (_scenario, origin) => ({
    pid: origin.pid,
    url: origin.url,
    requests: async () => (await origin.counters()).requests,
    stop: async () => {},
  }),
}
