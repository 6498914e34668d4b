import { randomUUID } from 'node:crypto'
import { isAllowed, roundGeo, truncateIp } from '../consent/index.js'
import { ANONYMOUS, getUserIdFromCookies } from '../context/user-id.js'
import type { UpstreamCall } from '../upstream/index.js'
import type { BidRequest } from './types.js'

/** Fields of `user` and `device` that are ids (prebid-server scrubs the same). */
const USER_IDS = ['id', 'buyeruid', 'eids', 'yob', 'gender', 'keywords', 'kwarray', 'data', 'customdata']
const DEVICE_IDS = ['ifa', 'didsha1', 'didmd5', 'dpidsha1', 'dpidmd5', 'macsha1', 'macmd5']

/**
 * The bid request of one call: the template, the call's `params` (as `ext.params`), and what the context knows. What consent does not allow is
 * left out, also of the template; the consent strings go along unchanged (ads.md §5 rank 3).
 */
export function bidRequest(
  template: BidRequest,
  call: UpstreamCall,
  tmaxMs: number,
  currency: string,
): BidRequest & { readonly id: string } {
  const { context, params } = call
  const device = { ...template.device }
  const user = { ...template.user }
  if (context !== undefined) {
    if (context.ipAddress !== undefined)
      device[context.ipAddress.includes(':') ? 'ipv6' : 'ip'] = context.ipAddress
    if (context.userAgent !== undefined) device['ua'] = context.userAgent
    if (context.deviceId !== undefined) device['ifa'] = context.deviceId
    const userId = context.userId ?? getUserIdFromCookies(context.cookies)
    if (userId !== ANONYMOUS) user['id'] = userId
  }
  if (!isAllowed(context, 'useIds')) {
    for (const name of USER_IDS) delete user[name]
    for (const name of DEVICE_IDS) delete device[name]
  }
  if (!isAllowed(context, 'profile')) for (const name of ['data', 'keywords', 'kwarray']) delete user[name]
  if (!isAllowed(context, 'preciseGeo')) {
    blurPlace(device)
    blurPlace(user)
  }
  const regs = { ...template.regs }
  const signals = context?.consent?.signals
  if (signals !== undefined) {
    if (signals.gdpr !== null) regs['gdpr'] = signals.gdpr ? 1 : 0
    if (signals.gpp !== '') regs['gpp'] = signals.gpp
    if (signals.gppSid.length > 0) regs['gpp_sid'] = [...signals.gppSid]
    if (signals.usPrivacy !== '') regs['us_privacy'] = signals.usPrivacy
    if (signals.coppa) regs['coppa'] = 1
    if (signals.gpc) regs['ext'] = { ...asRecord(regs['ext']), gpc: '1' }
    if (signals.tcString !== '') user['consent'] = signals.tcString
    if (signals.lmt !== null) device['lmt'] = signals.lmt ? 1 : 0
  }
  // Not those of the template: what was taken out above must not come back.
  const { device: _, user: __, regs: ___, ...common } = template
  return {
    at: 2,
    cur: [currency],
    ...common,
    ...(params === undefined ? {} : { ext: { ...asRecord(template['ext']), params } }),
    id: context?.requestId ?? template.id ?? randomUUID(),
    tmax: tmaxMs,
    source: { ...template.source, ...(context === undefined ? {} : { tid: context.correlator }) },
    ...(Object.keys(device).length === 0 ? {} : { device }),
    ...(Object.keys(user).length === 0 ? {} : { user }),
    ...(Object.keys(regs).length === 0 ? {} : { regs }),
  }
}

function blurPlace(owner: Record<string, unknown>): void {
  for (const name of ['ip', 'ipv6']) {
    const address = owner[name]
    if (typeof address === 'string') owner[name] = truncateIp(address)
  }
  if (owner['geo'] === undefined) return
  const { zip: _, accuracy: __, ...geo } = asRecord(owner['geo'])
  for (const name of ['lat', 'lon']) {
    const degrees = geo[name]
    if (typeof degrees === 'number') geo[name] = roundGeo(degrees)
  }
  owner['geo'] = geo
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
