import { createHmac } from 'node:crypto'
import type { AdServingConfig, CampaignConfig, StateStoreConfig } from '../../config/types-adserving.js'
import { Money } from '../../money/index.js'
import { MemoryStore, PortStore, RedisStore, type StateStore } from '../../state/index.js'
import type { StorePort } from '../../state/kept-state-thread.js'
import type { AdLogger } from '../context/index.js'
import {
  type CampaignPolicy,
  type Pacing,
  seedKeys,
  type TokenKey,
  UpstreamSession,
} from '../session/index.js'
import type { Upstream } from '../upstream/index.js'
import type { RouteResult } from './ad-source.js'

/** Stores that are open in this thread, by their configuration: routes that name the same one share it. */
const open = new Map<string, { readonly store: StateStore; users: number }>()

/** The store of a route, in this thread. @returns with what gives it back */
export function useStore(
  config: StateStoreConfig,
  ports: readonly StorePort[],
  logger: AdLogger,
): { readonly store: StateStore; release(): Promise<void> } {
  // There is one port to each.
  const key = config.kind === 'lmdb' ? config.path : JSON.stringify(config)
  const entry = open.get(key) ?? { store: openStore(config, ports, logger), users: 0 }
  open.set(key, entry)
  entry.users += 1
  return {
    store: entry.store,
    async release() {
      entry.users -= 1
      if (entry.users > 0) return
      open.delete(key)
      await entry.store.close()
    },
  }
}

function openStore(config: StateStoreConfig, ports: readonly StorePort[], logger: AdLogger): StateStore {
  const onError = (err: Error): void => logger.warn({ err }, 'The state store has lost its connection')
  switch (config.kind) {
    case 'lmdb': {
      const found = ports.find(({ path }) => path === config.path)
      if (found === undefined) throw new Error(`nobody has opened the store ${config.path}`)
      return PortStore.following(found.port, { name: 'lmdb', hashTags: false })
    }
    case 'redis':
      return new RedisStore({ url: config.url, onError })
    case 'redis-cluster':
      return new RedisStore({ cluster: config.nodes, onError })
    case 'memory':
      return new MemoryStore()
  }
}

/** Caps, budgets and events of a route around its ad source. @throws TypeError or RangeError that says what is wrong */
export function createAdSession(
  config: AdServingConfig,
  upstream: Upstream<RouteResult>,
  store: StateStore,
  logger: AdLogger,
): UpstreamSession<RouteResult> {
  const { campaigns, defaultBudget, anonymous, capsWithoutStore, budgetsWithoutStore, events } = config
  // Without a secret the digest has a key that all gateways know: no id lies in a store, though who has one can find it (F-13).
  const secret = events?.secrets[0] ?? config.user.secrets[0] ?? 'headgate'
  return new UpstreamSession({
    upstream,
    store,
    logger,
    campaigns: Object.fromEntries(
      Object.entries(campaigns).map(([name, campaign]) => [name, policyOf(campaign)]),
    ),
    ...(defaultBudget === null ? {} : { defaultBudget }),
    anonymousPolicy: anonymous,
    onStoreFailure: {
      caps: capsWithoutStore,
      budgets:
        budgetsWithoutStore === 'open' || budgetsWithoutStore === 'closed'
          ? budgetsWithoutStore
          : { allowance: Money.parse(budgetsWithoutStore) },
    },
    keys: seedKeys({
      hashTags: store.hashTags,
      hashUsersWith: createHmac('sha256', secret).update('keys').digest('hex'),
    }),
    ...(events === null
      ? {}
      : {
          events: {
            keys: events.secrets.map(keyOf),
            validSeconds: events.validSeconds,
            late: events.late,
          },
          holdSeconds: { web: events.holdSeconds, video: events.holdSeconds },
        }),
  })
}

/** The id of a key says nothing of its secret, and stays when keys are added in front of it. */
export function keyOf(secret: string): TokenKey {
  return { id: createHmac('sha256', secret).update('key id').digest('hex').slice(0, 8), secret }
}

/** @throws Error for an amount that cannot be read; the schema has seen to it */
export function policyOf(campaign: CampaignConfig): CampaignPolicy {
  const { caps, cpm, price, budget, advertiser, lineItem, category } = campaign
  const pacing = pacingOf(campaign)
  return {
    ...(caps === null ? {} : { caps }),
    ...(cpm === null ? {} : { cpm: Money.parse(cpm) }),
    priceFrom: price,
    ...(budget === null ? {} : { budget: Money.parse(budget) }),
    ...(pacing === null ? {} : { pacing }),
    ...(advertiser === null ? {} : { advertiser }),
    ...(lineItem === null ? {} : { lineItem }),
    ...(category === null ? {} : { category }),
  }
}

function pacingOf({ pacing, dailyBudget, flight, lead, maxHourly }: CampaignConfig): Pacing | null {
  const shape = { type: pacing, lead, ...(maxHourly === null ? {} : { maxHourly }) }
  if (dailyBudget !== null) return { ...shape, period: 'daily', dailyMax: Money.parse(dailyBudget) }
  return flight === null ? null : { ...shape, period: 'flight', ...flight }
}
