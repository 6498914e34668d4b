import { STATUS_CODES } from 'node:http'
import { hostName } from './host-name.js'
import { type PathParams, type PathPattern, pathParams } from './path-pattern.js'
import { fillTemplate, parseTemplate, type Template, TemplateError } from './template.js'

/** Plain data: a route that answers by itself, without an upstream. */
export type RouteAction =
  | {
      readonly kind: 'redirect'
      readonly status: 301 | 302 | 303 | 307 | 308
      /** Checked by {@link parseLocation}. */
      readonly to: string
    }
  | {
      readonly kind: 'respond'
      readonly status: number
      /** Field lines `name: value` + CRLF, without framing. */
      readonly headerBlock: string
      readonly body: string
    }

/** The answer that a route gives. */
export interface RouteAnswer {
  readonly status: number
  readonly statusText: string
  readonly headerBlock: string
  readonly body: Uint8Array
}

/** What an answer may be made of. */
export interface RouteAnswerRequest {
  /** Value of Host, validated by the acceptor. */
  readonly host: string
  /** In normal form. */
  readonly target: string
}

/** Names that may stand in the template of a redirect beside the parameters of the route. */
export const REQUEST_PLACES: readonly string[] = ['host', 'path', 'query']

const NOTHING = new Uint8Array(0)

/** Answers for one route; what does not depend on the request is made once. */
export class RouteAnswerer {
  readonly #action: RouteAction
  readonly #pattern: PathPattern
  readonly #fixed: RouteAnswer | null
  readonly #location: Template
  readonly #usesParams: boolean

  constructor(action: RouteAction, pattern: PathPattern) {
    this.#action = action
    this.#pattern = pattern
    const { status } = action
    const statusText = STATUS_CODES[status] ?? ''
    if (action.kind === 'respond') {
      const body = new TextEncoder().encode(action.body)
      this.#fixed = { status, statusText, headerBlock: action.headerBlock, body }
      this.#location = []
    } else {
      this.#fixed = null
      this.#location = parseLocation(action.to, null)
    }
    this.#usesParams = this.#location.some((part) => 'name' in part && !REQUEST_PLACES.includes(part.name))
  }

  answer({ host, target }: RouteAnswerRequest): RouteAnswer {
    if (this.#fixed !== null) return this.#fixed
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const params: PathParams = this.#usesParams ? pathParams(this.#pattern, path) : {}
    const filled = fillTemplate(this.#location, (name) => {
      if (name === 'host') return hostName(host)
      if (name === 'path') return path
      if (name === 'query') return mark < 0 ? '' : target.slice(mark)
      return params[name] ?? ''
    })
    const { status } = this.#action
    const headerBlock = `location: ${sameSite(filled)}\r\n`
    return { status, statusText: STATUS_CODES[status] ?? '', headerBlock, body: NOTHING }
  }
}

/** `//evil.example/` is another site to a browser: what begins as a path stays one, whatever was filled in. */
function sameSite(location: string): string {
  return location.startsWith('/') ? location.replace(/^[/\\]+/, '/') : location
}

/** Scheme and host, which end where path or query begin. */
const SITE =
  /^https?:\/\/(?:(?:[A-Za-z0-9._~-]|\{host\})+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=$|[/?]|\{path\}|\{query\})/

/**
 * The template of a redirect. It begins with `/`, or with `http://` or `https://` and a host that is literal but for `{host}`: nothing else of a
 * request may decide to which site a client is sent.
 * @param known names of the route's parameters; null: it was checked before
 * @throws TemplateError
 */
export function parseLocation(text: string, known: readonly string[] | null): Template {
  const places = [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name)
  const template = parseTemplate(text, [...REQUEST_PLACES, ...(known ?? places)])
  if (text.startsWith('/') || text.startsWith('{path}') || SITE.test(text)) return template
  const place = /^https?:\/\/[^/?{]*(?:\{host\}[^/?{]*)*(\{[^}]*\})/.exec(text)?.[1]
  if (place !== undefined)
    throw new TemplateError('a value of the request may not decide where to redirect to', place)
  throw new TemplateError("it begins neither with '/' nor with http:// or https:// and a host", text)
}
