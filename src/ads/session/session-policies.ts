import { Money } from '../../money/index.js'
import type { AdResult } from '../upstream/index.js'
import {
  type CampaignDefaults,
  type CompiledCampaign,
  compileCampaign,
  compileRules,
} from './campaign-policy.js'
import { defaultRule } from './frequency-rule.js'
import { type SessionKeys, seedKeys } from './session-keys.js'
import type { UpstreamSessionOptions } from './session-options.js'
import { ANONYMOUS_POLICIES, type AnonymousPolicy } from './subject-of.js'

const DEFAULT_CAP = 3
const DEFAULT_WINDOW_S = 3600
const DEFAULT_HOLD_S = { web: 60, video: 1800 } as const
const DEFAULT_VALID_S = 86_400

/** A session's options, checked and with their defaults. */
export class SessionPolicies {
  readonly keys: SessionKeys
  readonly anonymous: AnonymousPolicy
  readonly holdMs: { readonly web: number; readonly video: number }
  /** How long tokens are valid, and so how long what was settled is remembered. */
  readonly rememberMs: number
  /** Without the store, are caps refused? */
  readonly capsClosed: boolean
  readonly #campaigns = new Map<string, CompiledCampaign>()
  readonly #others: CompiledCampaign

  /** @throws TypeError or RangeError */
  constructor(options: UpstreamSessionOptions<AdResult>) {
    const { frequencyCap = DEFAULT_CAP, frequencyWindow = DEFAULT_WINDOW_S, defaultBudget = null } = options
    this.keys = options.keys ?? seedKeys({ hashTags: options.store.hashTags })
    this.anonymous = options.anonymousPolicy ?? 'session'
    if (!ANONYMOUS_POLICIES.includes(this.anonymous)) {
      throw new TypeError(`anonymousPolicy must be one of ${ANONYMOUS_POLICIES.join(', ')}`)
    }
    this.holdMs = {
      web: milliseconds('holdSeconds.web', options.holdSeconds?.web ?? DEFAULT_HOLD_S.web),
      video: milliseconds('holdSeconds.video', options.holdSeconds?.video ?? DEFAULT_HOLD_S.video),
    }
    this.rememberMs = milliseconds('events.validSeconds', options.events?.validSeconds ?? DEFAULT_VALID_S)
    this.capsClosed = options.onStoreFailure?.caps === 'closed'
    const defaults: CampaignDefaults = {
      rules:
        options.rules === undefined
          ? [defaultRule(frequencyCap, frequencyWindow)]
          : compileRules(options.rules),
      budget: typeof defaultBudget === 'string' ? Money.parse(defaultBudget) : defaultBudget,
    }
    this.#others = compileCampaign('default', {}, defaults)
    for (const [id, policy] of Object.entries(options.campaigns ?? {})) {
      this.#campaigns.set(id, compileCampaign(id, policy, defaults))
    }
  }

  campaign(id: string): CompiledCampaign {
    return this.#campaigns.get(id) ?? this.#others
  }
}

function milliseconds(name: string, seconds: number): number {
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 30 * 86_400) {
    throw new RangeError(
      `${name} must be more than 0 and at most ${30 * 86_400} seconds, not ${String(seconds)}`,
    )
  }
  return Math.ceil(seconds * 1000)
}
