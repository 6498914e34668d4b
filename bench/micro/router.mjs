import { Router } from '#src/dispatch/index.js'
import { normalTarget } from '#src/routing/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'Router',
  'The route of a request among 1, 100 and 1,000, against trying them one after the other. All find the one before the last, behind which everything else goes to a catch-all.',
)
const COUNT = short ? 20_000 : 200_000

const route = (match) => ({
  name: '',
  match: { host: null, methods: null, ...match },
  upstream: 'app',
  filters: [],
  bufferRequestBody: false,
  bufferResponseBody: false,
})

/** Every tenth has a host of its own, every third a parameter. */
function routesOf(count) {
  const routes = Array.from({ length: count - 1 }, (_, index) =>
    route({
      host: index % 10 === 0 ? `h${index}.example.com` : null,
      path: index % 3 === 0 ? `/api/v1/service-${index}/items/:id` : `/api/v1/service-${index}/*`,
    }),
  )
  return count === 1 ? [route({ path: '/api/v1/service-0/*' })] : [...routes, route({ path: '/*' })]
}

/** As the router was before: a list. */
function linear(routes) {
  const compiled = routes.map(({ match: { host, path } }) => ({
    host,
    test: new RegExp(`^${path.replace(/:[a-z]+/g, '[^/]+').replace(/\*$/, '.*')}$`),
  }))
  return (host, target) => {
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    for (let i = 0; i < compiled.length; i += 1) {
      const one = compiled[i]
      if ((one.host === null || one.host === host) && one.test.test(path)) return i
    }
    return -1
  }
}

for (const count of [1, 100, 1000]) {
  const routes = routesOf(count)
  const router = new Router(routes)
  const list = linear(routes)
  const target = `/api/v1/service-${Math.max(0, count - 2)}/items/42?page=2&sort=name`
  const wanted = Math.max(0, count - 2)
  if (router.match('GET', 'example.com', target) !== wanted || list('example.com', target) !== wanted) {
    throw new Error('the candidates do not find the same route')
  }
  const rounds = count === 1000 ? COUNT / 10 : COUNT
  await compare(`router: 1 match among ${count} routes`, rounds, {
    'tree (headgate)': () => {
      for (let i = 0; i < rounds; i += 1) router.match('GET', 'example.com', target)
    },
    'one after the other': () => {
      for (let i = 0; i < rounds; i += 1) list('example.com', target)
    },
  })
}

const rules = { slashes: 'merge', ambiguous: 'reject' }
await compare('normal form of a target', COUNT, {
  'nothing to change': () => {
    for (let i = 0; i < COUNT; i += 1)
      normalTarget('/ads/v1/vast?placement=preroll_video&cb=12345678&u=%2F', rules)
  },
  'an escape in the path': () => {
    for (let i = 0; i < COUNT; i += 1)
      normalTarget('/ads/v1/caf%c3%a9?placement=preroll_video&cb=12345678', rules)
  },
  'a dot segment': () => {
    for (let i = 0; i < COUNT; i += 1) normalTarget('/ads/v1/../v2/vast?placement=preroll_video', rules)
  },
})
