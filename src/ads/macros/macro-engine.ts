import type { SessionContext } from '../../session/session-context.js'
import { encodeRfc3986 } from './encode.js'
import { expandTemplate, type MacroScope } from './expand-template.js'
import type { MacroPlace } from './macro-table.js'
import { compileTemplate, type MacroTemplate, type TemplateSyntax } from './macro-template.js'
import type { MacroProvider, MacroValue, MacroValues } from './macro-value.js'

/** How one URL is expanded. */
export interface ExpandOptions {
  /** Of this URL, before the registered ones. */
  readonly values?: MacroValues | undefined
  /** What the URL is used for. Default `request`. */
  readonly place?: MacroPlace | undefined
  /** Macros that policy (consent) withholds: they become `-2` (VAST 4.3 §6.1). Default: none. */
  readonly withheld?: ReadonlySet<string> | undefined
  /**
   * `mark` (default): an optional macro of the IAB's list without a value becomes `-1`. `leave`: it stays, for whoever performs the
   * request (F-21), and so do unknown auction macros.
   */
  readonly unknown?: 'mark' | 'leave' | undefined
  /** When the URL is accessed, ms since the epoch. Default: now (F-22). */
  readonly nowMs?: number | undefined
}

export interface MacroEngineOptions extends TemplateSyntax {
  /** `iab` (default): 8 random digits, ISO 8601. `seed`: the context's own UUID and epoch milliseconds (D1). */
  readonly profile?: 'iab' | 'seed'
  /** Macros of your own, or values for those of the list (B-30). */
  readonly custom?: MacroValues
  /** Compiled URLs that are kept. Default 1000; 0 keeps none. */
  readonly maxTemplates?: number
}

/** Longer texts are compiled each time: a cache of them would have no bound worth its name. */
const MAX_KEPT_LENGTH = 8192
const NAME = /^[A-Z0-9_]{1,64}$/

/** A parameter value that looks like a URL or a query: `://`, `?`, `&`, `=` or a leading `/` in it. */
const STRUCTURED = /:\/\/|[?&=]|^\//

/**
 * Substitutes macros in URLs: those of VAST 4.x (VAST 4.3 §6), `${…}` of OpenRTB and of the consent frameworks, and your own.
 * Values are percent-encoded (RFC 3986), so that none can add or change a parameter (F-17).
 */
export class MacroEngine {
  readonly profile: 'iab' | 'seed'
  private readonly syntax: TemplateSyntax
  private readonly custom: Record<string, MacroValue | MacroProvider> = Object.create(null)
  private readonly maxTemplates: number
  private readonly templates = new Map<string, MacroTemplate>()

  /** @throws RangeError when a custom macro has a name that no template can hold */
  constructor(options: MacroEngineOptions = {}) {
    this.profile = options.profile ?? 'iab'
    this.syntax = { ignoreCase: options.ignoreCase ?? false, legacy: options.legacy ?? false }
    this.maxTemplates = options.maxTemplates ?? 1000
    for (const [name, value] of Object.entries(options.custom ?? {})) this.register(name, value)
  }

  /**
   * Adds or replaces a macro for every URL from now on (B-30).
   * @param name `A-Z`, `0-9` and `_`, at most 64
   * @throws RangeError when the name is another one
   */
  register(name: string, value: MacroValue | MacroProvider): this {
    if (!NAME.test(name)) throw new RangeError(`'${name}' is no macro name: use A-Z, 0-9 and _`)
    this.custom[name] = value
    return this
  }

  /** The URL with its macros replaced; the same string when it has none. */
  expand(url: string, context?: SessionContext, options: ExpandOptions = {}): string {
    const template = this.template(url)
    return template.slots.length === 0 ? url : expandTemplate(template, this.scope(context, options))
  }

  /**
   * A parameter's value, macros replaced, then encoded once (F-19). In a value that is itself a URL or a query, what is put in is
   * encoded for that one first.
   */
  expandParameter(value: string, context?: SessionContext, options: ExpandOptions = {}): string {
    const template = this.template(value)
    if (template.slots.length === 0) return encodeRfc3986(value)
    const plain = !template.literals.some((literal) => STRUCTURED.test(literal))
    return encodeRfc3986(expandTemplate(template, { ...this.scope(context, options), plain }))
  }

  private scope(context: SessionContext | undefined, options: ExpandOptions): MacroScope {
    return {
      context,
      values: options.values,
      custom: this.custom,
      place: options.place ?? 'request',
      profile: this.profile,
      withheld: options.withheld,
      unknown: options.unknown ?? 'mark',
      nowMs: options.nowMs ?? Date.now(),
    }
  }

  private template(text: string): MacroTemplate {
    const kept = this.templates.get(text)
    if (kept !== undefined) return kept
    const template = compileTemplate(text, this.syntax)
    if (this.maxTemplates > 0 && text.length <= MAX_KEPT_LENGTH) {
      if (this.templates.size >= this.maxTemplates) {
        const oldest = this.templates.keys().next()
        if (!oldest.done) this.templates.delete(oldest.value)
      }
      this.templates.set(text, template)
    }
    return template
  }
}
