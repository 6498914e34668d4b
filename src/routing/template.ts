/** A text with places for values: `https://{host}/users/{id}{query}`. */
export type Template = readonly TemplatePart[]

export type TemplatePart = { readonly text: string } | { readonly name: string }

/** A template that cannot be. `needle` is the part of it that is meant. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly needle: string
  constructor(message: string, needle: string) {
    super(message)
    this.needle = needle
  }
}

/**
 * @param known names that may stand in braces
 * @throws TemplateError
 */
export function parseTemplate(text: string, known: readonly string[]): Template {
  // Written as in the pattern it would go out as it stands.
  const colon = /\/:([A-Za-z_]\w*)/.exec(text)
  if (colon?.[1] !== undefined && known.includes(colon[1]))
    throw new TemplateError(`a parameter stands in braces: '{${colon[1]}}'`, `:${colon[1]}`)
  const parts: TemplatePart[] = []
  let at = 0
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    const [place, name = ''] = match
    if (match.index > at) parts.push({ text: literal(text.slice(at, match.index)) })
    if (!known.includes(name)) throw new TemplateError(`there is no '${name}' to fill in`, place)
    parts.push({ name })
    at = match.index + place.length
  }
  if (at < text.length) parts.push({ text: literal(text.slice(at)) })
  return parts
}

function literal(text: string): string {
  const brace = /[{}]/.exec(text)
  if (brace !== null) throw new TemplateError('a brace without its partner', brace[0])
  const bad = /[^\x21-\x7e]|["<>\\^`|]/.exec(text)
  if (bad !== null) throw new TemplateError('a character that a URL cannot have: percent-encode it', bad[0])
  return text
}

/** @param value of a name; what is missing is empty */
export function fillTemplate(template: Template, value: (name: string) => string): string {
  let out = ''
  for (const part of template) out += 'text' in part ? part.text : value(part.name)
  return out
}
