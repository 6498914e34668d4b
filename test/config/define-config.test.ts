import { expect, it } from 'vitest'
import { defineConfig, type UserConfig } from '#src/config/index.js'

it('defineConfig returns what it is given', () => {
  const config: UserConfig = {
    upstreams: { app: { peers: ['127.0.0.1:9000'], timeouts: { connect: '250ms' } } },
  }
  expect(defineConfig(config)).toBe(config)
})

it('finds mistakes while the config is compiled', () => {
  const peers = ['127.0.0.1:9000']
  const configs: UserConfig[] = [
    // The right forms.
    { listen: 8080, admin: false, workers: 'auto', limits: { body: 'none', url: '4KiB' }, upstreams: {} },
    { upstreams: { app: { peers: [...peers, { address: 'https://a' }] } }, routes: [{ upstream: 'app' }] },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference
    { upstreams: {}, client: { idle: '${IDLE:-10s}' } },
    // @ts-expect-error a duration without unit
    { upstreams: {}, client: { idle: 10 } },
    // @ts-expect-error a unit that does not exist
    { upstreams: {}, client: { idle: '10 seconds' } },
    // @ts-expect-error a key that does not exist
    { upstreams: {}, limits: { headers: '1KiB' } },
    // @ts-expect-error a method in lower case
    { upstreams: {}, routes: [{ upstream: 'app', match: { method: ['get'] } }] },
    // @ts-expect-error no upstreams
    { listen: 8080 },
  ]
  expect(configs).toHaveLength(8)
})
