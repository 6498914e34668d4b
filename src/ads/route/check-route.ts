import { suggest } from '../../config/suggest.js'
import type { AdServingConfig, AdSourceConfig, CampaignConfig } from '../../config/types-adserving.js'
import { Money } from '../../money/index.js'
import { MacroEngine, VAST_MACROS } from '../macros/index.js'
import { belongsTo } from '../macros/macro-table.js'
import { compileTemplate } from '../macros/macro-template.js'
import { compileCampaign } from '../session/campaign-policy.js'
import { compileRule } from '../session/frequency-rule.js'
import { EventTokens, SignedUserId } from '../session/index.js'
import { createDestinationGuard } from '../vast/index.js'
import { keyOf, policyOf } from './session-from-config.js'

/** What is wrong with a route that serves ads. */
export interface AdRouteProblem {
  /** From `adserving` on; `sources` where the route has one source and no list. */
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly hint: string | null
}

type Path = AdRouteProblem['path']
type Report = (path: Path, message: string, hint?: string) => void

/** @returns whether it could be made */
type Attempt = (path: Path, make: () => unknown) => boolean

/**
 * Everything that a worker would refuse or could never serve with, beyond what the schema finds: macros, ranges, campaigns, keys, bid requests. Opens and
 * connects nothing.
 */
export function checkAdRoute(config: AdServingConfig): AdRouteProblem[] {
  const problems: AdRouteProblem[] = []
  const report: Report = (path, message, hint) => void problems.push({ path, message, hint: hint ?? null })
  const attempt: Attempt = (path, make) => {
    try {
      make()
      return true
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error
      report(path, error.message)
      return false
    }
  }
  const { guard, macros, events, user, campaigns, noFill } = config
  attempt(['guard'], () => createDestinationGuard({ allow: guard.allow, block: guard.block }))
  for (const [name, value] of Object.entries(macros.custom)) {
    attempt(['macros', 'custom', name], () => new MacroEngine({ custom: { [name]: value } }))
  }
  for (const [at, source] of config.sources.entries()) {
    checkSource(source, config.sources.length === 1 ? [] : ['sources', at], macros.custom, report)
  }
  for (const [at, url] of noFill.errors.entries()) {
    checkMacros(url, 'error', ['noFill', 'errors', at], macros.custom, report)
  }
  for (const [name, campaign] of Object.entries(campaigns))
    checkCampaign(name, campaign, config, report, attempt)
  if (events !== null)
    attempt(['events', 'secrets'], () => new EventTokens({ keys: events.secrets.map(keyOf) }))
  if (user.secrets.length > 0) attempt(['user', 'secrets'], () => new SignedUserId(user.secrets))
  return problems
}

function checkSource(
  source: AdSourceConfig,
  path: Path,
  custom: AdServingConfig['macros']['custom'],
  report: Report,
): void {
  if (source.kind === 'openrtb') {
    checkBidRequest(source.request, [...path, 'openrtb', 'request'], report)
    return
  }
  checkMacros(source.url, 'request', [...path, 'vast', 'url'], custom, report)
  for (const [name, value] of Object.entries(source.params)) {
    checkMacros(value, 'request', [...path, 'vast', 'params', name], custom, report)
  }
}

/** Macros that are misspelt, left open or without a meaning there. Names that are like no other are left alone: they may be the ad server's own. */
function checkMacros(
  text: string,
  place: 'request' | 'error',
  path: Path,
  custom: AdServingConfig['macros']['custom'],
  report: Report,
): void {
  const known = [...VAST_MACROS.keys(), 'CORRELATOR', ...Object.keys(custom)]
  const { literals, slots } = compileTemplate(text)
  for (const { name, raw, family, info } of slots) {
    if (family !== 'vast' || Object.hasOwn(custom, name)) continue
    if (info !== undefined && !belongsTo(info, place)) {
      report(
        path,
        `the macro ${raw} has no meaning in ${place === 'request' ? 'an ad request' : 'an error URL'}`,
      )
    } else if (!known.includes(name)) {
      const near = suggest(name, known)
      if (near !== null)
        report(path, `there is no macro ${raw}`, `did you mean '[${near}]'? Else name it under macros.custom`)
    }
  }
  for (const literal of literals) {
    const open = /\[[A-Z][A-Z0-9_]*(?![A-Z0-9_\]])/.exec(literal)
    if (open !== null) report(path, `the macro ${open[0]} is not closed`, `write '${open[0]}]'`)
    const braces = /\$\{[A-Z][A-Z0-9_]*(?![A-Z0-9_:}])/.exec(literal)
    if (braces !== null) report(path, `the macro ${braces[0]} is not closed`, `write '${braces[0]}}'`)
    for (const [raw, name = ''] of literal.matchAll(/\[([A-Za-z0-9_]+)\]/g)) {
      if (known.includes(name.toUpperCase()))
        report(path, `${raw} is no macro`, `macros are written in upper case: '[${name.toUpperCase()}]'`)
    }
  }
}

const FORMATS = ['banner', 'video', 'audio', 'native']

/** OpenRTB 2.6 §3.2.1, §3.2.4: without an impression there is nothing to bid for. */
function checkBidRequest(request: Readonly<Record<string, unknown>>, path: Path, report: Report): void {
  const { imp } = request
  if (!Array.isArray(imp) || imp.length === 0) {
    report(
      path,
      "the bid request has no 'imp'",
      "for example imp: [{ id: '1', video: { mimes: [video/mp4] } }]",
    )
    return
  }
  const ids = new Set<unknown>()
  for (const [at, item] of (imp as unknown[]).entries()) {
    const fields =
      typeof item === 'object' && item !== null ? (item as Readonly<Record<string, unknown>>) : {}
    const { id } = fields
    if (typeof id !== 'string' || id === '')
      report([...path, 'imp', at], "an impression needs an 'id', as text")
    else if (ids.has(id)) report([...path, 'imp', at], `two impressions have the id '${id}'`)
    ids.add(id)
    if (!FORMATS.some((format) => format in fields)) {
      report([...path, 'imp', at], 'an impression offers no format', `one of ${FORMATS.join(', ')}`)
    }
  }
}

function checkCampaign(
  name: string,
  campaign: CampaignConfig,
  { defaultBudget, sources }: AdServingConfig,
  report: Report,
  attempt: Attempt,
): void {
  const path = ['campaigns', name]
  const { caps, cpm, budget, dailyBudget } = campaign
  const sound = (caps ?? []).map((cap, at) => attempt([...path, 'caps', at], () => compileRule(cap)))
  const currencies = { cpm, budget: budget ?? defaultBudget, dailyBudget }
  const [first, ...others] = Object.entries(currencies).flatMap(([key, text]) =>
    text === null ? [] : [{ key, currency: Money.parse(text).currency }],
  )
  const other = others.find(({ currency }) => currency !== first?.currency)
  if (first !== undefined && other !== undefined) {
    const message = `'${first.key}' is in ${first.currency}, '${other.key}' in ${other.currency}: nothing would be served`
    report(path, message, 'amounts of one campaign are in one currency')
    return
  }
  if (campaign.price === 'bid') {
    const bids = sources.flatMap((source) => (source.kind === 'openrtb' ? [source.currency] : []))
    const own = first?.currency
    if (bids.length === 0) report([...path, 'price'], 'no source bids', "'price: bid' is for openrtb sources")
    else if (own !== undefined && !bids.includes(own))
      report([...path, 'price'], `the budget is in ${own}, and nobody bids in it: nothing would be served`)
  }
  if (campaign.flight !== null && dailyBudget !== null)
    report([...path, 'flight'], "there are 'flight' and 'dailyBudget'", 'a campaign has one of them')
  for (const [at, { per }] of (caps ?? []).entries()) {
    for (const name of ['advertiser', 'lineItem', 'category'] as const) {
      if (per.includes(name) && campaign[name] === null)
        report([...path, 'caps', at], `it counts per ${name}, and the campaign has no '${name}'`)
    }
  }
  if (sound.includes(false)) return
  attempt(path, () => {
    const budgetOf = defaultBudget === null ? null : Money.parse(defaultBudget)
    compileCampaign(name, policyOf(campaign), { rules: [], budget: budgetOf })
  })
}
