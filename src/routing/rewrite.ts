import { type PathParams, type PathPattern, pathParams } from './path-pattern.js'
import { fillTemplate, parseTemplate, type Template } from './template.js'

/** How a route changes the path before its upstream is asked; the query stays. Plain data. */
export interface RewriteConfig {
  /** Taken off where the path is it, or continues behind it with `/`. '' for nothing. */
  readonly stripPrefix: string
  /** Put before what is left. '' for nothing. */
  readonly addPrefix: string
  /** A new path made of the route's parameters and `{path}`, instead of the prefixes. Null for none. */
  readonly path: string | null
}

/** Rewrites targets for one route. */
export class PathRewriter {
  readonly #config: RewriteConfig
  readonly #pattern: PathPattern
  readonly #template: Template | null

  /** @throws TemplateError */
  constructor(config: RewriteConfig, pattern: PathPattern, known: readonly string[]) {
    this.#config = config
    this.#pattern = pattern
    this.#template = config.path === null ? null : parseTemplate(config.path, ['path', ...known])
  }

  /** @param target in origin-form, or `*`, which stays */
  rewrite(target: string): string {
    if (!target.startsWith('/')) return target
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const made = this.#template === null ? this.#exchangePrefix(path) : this.#fill(this.#template, path)
    // Some servers take what follows two slashes for a host.
    const origin = made.replace(/^\/*/, '/')
    return mark < 0 ? origin : origin + target.slice(mark)
  }

  #exchangePrefix(path: string): string {
    const { stripPrefix, addPrefix } = this.#config
    const isBelow =
      path.startsWith(stripPrefix) && (path.length === stripPrefix.length || path[stripPrefix.length] === '/')
    const left = stripPrefix !== '' && isBelow ? path.slice(stripPrefix.length) : path
    return addPrefix + (left === '' ? '/' : left)
  }

  #fill(template: Template, path: string): string {
    const params: PathParams = pathParams(this.#pattern, path)
    return fillTemplate(template, (name) => (name === 'path' ? path : (params[name] ?? '')))
  }
}
