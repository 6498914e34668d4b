import { GatewayError } from '../../session/errors.js'
import type { SessionContext } from '../../session/session-context.js'
import { type AdLogger, SILENT } from '../context/ad-logger.js'
import type { AdResult, NoFill, ParamValue, Upstream, UpstreamCall } from '../upstream/index.js'

/** One format of several: whom to ask, and with which parameters. */
export interface FormatRequest<Result extends AdResult> {
  readonly upstream: Upstream<Result>
  readonly params?: Readonly<Record<string, ParamValue>>
}

export interface MultiFormatOptions {
  readonly logger?: AdLogger
  /** As in `UpstreamCall`: for all formats together. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

/**
 * Asks for several formats of one request at the same time, with the same context (B-55, F-26). One that fails is a no-fill of its own, logged, and
 * leaves the others usable.
 * @throws only `signal.reason`
 */
export async function requestFormats<Name extends string, Result extends AdResult>(
  context: SessionContext,
  formats: Readonly<Record<Name, FormatRequest<Result>>>,
  options: MultiFormatOptions = {},
): Promise<Record<Name, Result | NoFill>> {
  const { logger = SILENT, deadlineMs, signal } = options
  const names = Object.keys(formats) as Name[]
  const results = await Promise.all(
    names.map(async (name): Promise<readonly [Name, Result | NoFill]> => {
      const { upstream, params = {} } = formats[name]
      const call: UpstreamCall = {
        params,
        context,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(signal === undefined ? {} : { signal }),
      }
      try {
        return [name, await upstream.request(call)]
      } catch (err) {
        const { requestId: request_id, correlator } = context
        logger.warn({ request_id, correlator, format: name, err }, 'One format of an ad request failed')
        const reason = err instanceof GatewayError && err.code === 'HG_TIMEOUT' ? 'timeout' : 'error'
        return [name, { kind: 'no-fill', reason }]
      }
    }),
  )
  signal?.throwIfAborted()
  logger.info({ correlator: context.correlator }, 'Multi-format ad request completed')
  return Object.fromEntries(results) as Record<Name, Result | NoFill>
}

/** A video and a display ad of one request (B-55, B-56). */
export function fetchMultiFormatAd<Result extends AdResult>(
  context: SessionContext,
  upstreams: { readonly video: Upstream<Result>; readonly display: Upstream<Result> },
  options: MultiFormatOptions = {},
): Promise<Record<'video' | 'display', Result | NoFill>> {
  return requestFormats(
    context,
    {
      video: { upstream: upstreams.video, params: { format: 'video' } },
      display: { upstream: upstreams.display, params: { format: 'banner' } },
    },
    options,
  )
}
