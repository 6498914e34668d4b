import type { SessionContext } from '../../session/session-context.js'
import { type AdLogger, logsEverything } from '../context/ad-logger.js'
import type { AdResult, ParamValue, Upstream, UpstreamCall } from '../upstream/index.js'

/** Parameters that say who somebody is or where: not for logs (F-29). Compared in lower case. */
const PERSONAL: ReadonlySet<string> = new Set([
  'user_id',
  'uid',
  'userid',
  'device_id',
  'deviceid',
  'ifa',
  'idfa',
  'gaid',
  'ip',
  'ip_address',
  'email',
  'lat',
  'lon',
  'gdpr_consent',
  'gpp',
])

/** Asks for the ad of a placement, and says so in the log (B-31…B-33). @throws what the upstream throws, unchanged */
export async function loggedAdRequest<Result extends AdResult>(
  upstream: Upstream<Result>,
  context: SessionContext,
  placementId: string,
  logger: AdLogger,
  call: Omit<UpstreamCall, 'context'> = {},
): Promise<Result> {
  const { requestId: request_id, correlator } = context
  logger.info({ request_id, correlator, placement_id: placementId }, 'Ad request started')
  try {
    const result = await upstream.request({
      ...call,
      params: { ...call.params, placement_id: placementId },
      context,
    })
    if (result.kind === 'fill') logger.info({ request_id, ad_id: result.ad.id }, 'Ad request succeeded')
    else logger.info({ request_id, reason: result.reason }, 'Ad request had no fill')
    return result
  } catch (err) {
    logger.error({ request_id, err }, 'Ad request failed')
    throw err
  }
}

/** Asks with any parameters, and says so in the log (B-61). @throws what the upstream throws, unchanged */
export async function fetchWithLogging<Result>(
  upstream: Upstream<Result>,
  call: UpstreamCall & { readonly context: SessionContext },
  logger: AdLogger,
): Promise<Result> {
  const { requestId: request_id } = call.context
  const params = logsEverything(logger) ? (call.params ?? {}) : withoutPersonal(call.params ?? {})
  logger.info({ request_id, params }, 'Starting ad request')
  try {
    const result = await upstream.request(call)
    logger.info({ request_id }, 'Request succeeded')
    return result
  } catch (err) {
    logger.error({ request_id, err }, 'Request failed')
    throw err
  }
}

function withoutPersonal(params: Readonly<Record<string, ParamValue>>): Record<string, ParamValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      PERSONAL.has(name.toLowerCase()) ? '[redacted]' : value,
    ]),
  )
}
