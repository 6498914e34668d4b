import type { z } from 'zod'
import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { adserving } from './schema-adserving.js'
import type { BeaconsConfig, SlotConfig } from './types-adserving.js'

type Parsed = z.output<typeof adserving>

export function resolveSlot({ slot }: Parsed, path: Path, context: ResolveContext): SlotConfig {
  const { minAdDuration, maxAdDuration } = slot
  if (minAdDuration !== undefined && maxAdDuration !== undefined && minAdDuration > maxAdDuration) {
    context.report(
      'invalid-value',
      [...path, 'slot', 'minAdDuration'],
      'it is longer than maxAdDuration: no ad would fit',
      {},
    )
  }
  return {
    adType: slot.adType ?? null,
    linearity: slot.linearity,
    maxAds: slot.maxAds,
    maxDurationMs: slot.maxDuration ?? null,
    minAdDurationMs: minAdDuration ?? null,
    maxAdDurationMs: maxAdDuration ?? null,
    maxWidth: slot.maxWidth ?? null,
    maxHeight: slot.maxHeight ?? null,
    mediaTypes: slot.mediaTypes.map((type) => type.toLowerCase()),
    requireCategory: slot.requireCategory,
  }
}

export function resolveBeacons(
  { beacons, events }: Parsed,
  path: Path,
  context: ResolveContext,
): BeaconsConfig | null {
  if (beacons === undefined) return null
  const { at, maxConcurrent, maxQueued, timeout } = beacons
  if (at === 'event' && events === undefined) {
    const hint = 'events: { path: /ads/event, secrets: [...] }, or at: fill'
    context.report('missing-key', [...path, 'beacons', 'at'], "there are no 'events' to call them at", {
      hint,
    })
  }
  return { at, maxConcurrent, maxQueued, timeoutMs: timeout }
}
