import { z } from 'zod'
import type { Filter } from '../lifecycle/index.js'
import { isToken } from '../session/header-rules.js'

/** Options of the built-in filter `request-id`. */
export const requestIdOptions = z.strictObject({
  /** Further header that carries the id up and down, e.g. `X-Correlation-Id`. */
  header: z.string().refine(isToken, { message: 'not a header name' }).default('X-Correlation-Id'),
})

export type RequestIdOptions = z.infer<typeof requestIdOptions>

/**
 * The built-in filter `request-id`: the session's id, which always travels as `X-Request-Id`, under one more name, for services
 * that expect it there. What the client sent under that name is replaced.
 */
export function createRequestIdFilter(options: RequestIdOptions): Filter {
  const { header } = options
  return {
    name: 'request-id',
    requestFilter(session) {
      session.reqHeaderMut()?.headers.set(header, session.requestId())
    },
    responseFilter(session) {
      session.respHeaderMut()?.headers.set(header, session.requestId())
    },
  }
}
