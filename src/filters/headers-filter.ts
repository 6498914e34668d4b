import { z } from 'zod'
import type { Filter } from '../lifecycle/index.js'
import { FRAMING, isFieldValue, isToken } from '../session/header-rules.js'
import { applyHeaderEdits, type HeaderEdits } from './header-edits.js'

const name = z.string().refine(isToken, { message: 'not a header name' })
const value = z
  .string()
  .refine(isFieldValue, { message: 'not a header value: control characters are refused' })
// Set by a filter it would be left out without a word.
const written = name.refine((text) => !FRAMING.has(text.toLowerCase()), {
  message: 'not to be set: the gateway frames messages itself',
})
const fields = z.record(written, value).default({})
const edits = z.strictObject({ remove: z.array(name).default([]), set: fields, append: fields })

/** Options of the built-in filter `headers`: edits of the request to the upstream and of the answer to the client. */
export const headersOptions = z.strictObject({ request: edits.optional(), response: edits.optional() })

export type HeadersOptions = z.infer<typeof headersOptions>

/** The built-in filter `headers`. Declarative, so that the acceptor applies the response edits to answers of its own too. */
export function createHeadersFilter(options: HeadersOptions): Filter {
  const { request, response } = options
  return {
    name: 'headers',
    ...(request === undefined ? {} : requestHook(request)),
    ...(response === undefined ? {} : responseHook(response)),
  }
}

function requestHook(edit: HeaderEdits): Pick<Filter, 'requestFilter'> {
  return {
    requestFilter(session) {
      const head = session.reqHeaderMut()
      if (head !== null) applyHeaderEdits(head.headers, edit)
    },
  }
}

function responseHook(edit: HeaderEdits): Pick<Filter, 'responseFilter'> {
  return {
    responseFilter(session) {
      const head = session.respHeaderMut()
      if (head !== null) applyHeaderEdits(head.headers, edit)
    },
  }
}
