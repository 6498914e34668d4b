/**
 * What is measured of a session, in the order in which it happens; labels of metrics and tags of logs. A phase that a session did not reach
 * is not recorded for it.
 *
 * | phase      | from                                         | to                                        |
 * | ---------- | -------------------------------------------- | ----------------------------------------- |
 * | `queue`    | the request's head is there                  | the worker has it                         |
 * | `filter`   | time in hooks of filters, all together       |                                           |
 * | `cache`    | the lookup in the cache begins               | its result is known                       |
 * | `connect`  | a connection is asked for                    | it is made; not for one from the pool     |
 * | `ttfb`     | the last byte of the request is written      | the head of the answer is there           |
 * | `body`     | the head of the answer is there              | its last byte is there                    |
 * | `write`    | the last byte of the answer is there         | it is given to the client's socket        |
 * | `upstream` | there is a connection                        | the last byte of the answer is there (A-40) |
 * | `total`    | the request's head is there                  | the answer is given to the client's socket (A-41) |
 * | `overhead` | `total` − `upstream`, for sessions with both |                                           |
 *
 * Of a retried session the upstream's phases are those of the last attempt. Of an upgraded connection `total` and `upstream` end with its 101, and
 * `body` and `write` do not exist: how long it stays open is no latency.
 */
export const PHASES = [
  'queue',
  'filter',
  'cache',
  'connect',
  'ttfb',
  'body',
  'write',
  'upstream',
  'total',
  'overhead',
] as const

export type Phase = (typeof PHASES)[number]

/** Place of each phase in {@link PHASES}. */
export const PHASE_INDEX: Readonly<Record<Phase, number>> = {
  queue: 0,
  filter: 1,
  cache: 2,
  connect: 3,
  ttfb: 4,
  body: 5,
  write: 6,
  upstream: 7,
  total: 8,
  overhead: 9,
}
