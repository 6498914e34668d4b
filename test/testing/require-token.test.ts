import { testFilter } from 'headgate/testing'
import { expect, it } from 'vitest'
import requireToken from '../../examples/filters/require-token.js'

it('refuses a request without a token, and the upstream hears nothing of it', async () => {
  const kit = testFilter(await requireToken({ tokens: { t0k: 'ada' } }))
  const answer = await kit.request({ path: '/orders' })
  expect(answer.status).toBe(401)
  expect(answer.upstreamRequests).toHaveLength(0)
})

it('tells the upstream who it is, but not the token', async () => {
  const kit = testFilter(await requireToken({ tokens: { t0k: 'ada' } }), {
    upstream: (request) => ({ body: `hello ${request.headers.get('x-user')}` }),
  })
  const answer = await kit.request({ headers: { authorization: 'Bearer t0k' } })
  expect(answer.text()).toBe('hello ada')
  expect(answer.upstreamRequests[0]?.headers.has('authorization')).toBe(false)
})
