import { randomUUID } from 'node:crypto'
import { SessionContext } from '#src/ads/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'The context of an ad session',
  'Made, made with a cookie, and passed on with one field more; beside the three ids alone.',
)
const COUNT = short ? 5_000 : 50_000
const context = SessionContext.create()
const times = (make) => () => {
  for (let i = 0; i < COUNT; i += 1) make()
}

await compare('context: 1 made', COUNT, {
  'SessionContext.create()': times(() => SessionContext.create()),
  'with a cookie': times(() => SessionContext.create({ cookies: { user_id: 'alice' } })),
  'one field more, by with()': times(() => context.with({ userId: 'alice' })),
  'three UUIDs': times(() => [randomUUID(), randomUUID(), randomUUID()]),
})
