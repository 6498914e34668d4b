/** Content codings that the gateway can write and read (RFC 9110 §8.4.1, RFC 7932). */
export const CODINGS = ['br', 'gzip', 'deflate'] as const

export type Coding = (typeof CODINGS)[number]

/** Members of `Accept-Encoding` by name in lower case, with their weight from 0 to 1. */
type Weights = ReadonlyMap<string, number>

/**
 * The content coding that a client wants most (RFC 9110 §12.5.3), null: the content as it is. Among those of equal weight the first of `offered`
 * is taken; `identity` is taken where the client prefers it. A client that says nothing gets no coding, since it may know none.
 * @param field value of `Accept-Encoding`, null when absent
 */
export function negotiateCoding(field: string | null, offered: readonly Coding[]): Coding | null {
  if (field === null || field === '') return null
  const weights = weightsOf(field)
  let best: Coding | null = null
  let bestWeight = 0
  for (const coding of offered) {
    const weight = weightOf(weights, coding)
    if (weight <= bestWeight) continue
    best = coding
    bestWeight = weight
  }
  return bestWeight >= (weights.get('identity') ?? 0) ? best : null
}

/**
 * The same field without the codings that the gateway cannot read, so that what an upstream answers can be read.
 * `identity` when nothing is left.
 */
export function readableCodings(field: string): string {
  const kept = field.split(',').filter((member) => isReadable(nameOf(member)))
  return kept.length === 0 ? 'identity' : kept.map((member) => member.trim()).join(', ')
}

/** The coding that `Content-Encoding` names, null: none, more than one, or one that the gateway cannot read. */
export function readableCoding(field: string | null): Coding | null {
  const name = field?.trim().toLowerCase()
  if (name === 'x-gzip') return 'gzip'
  return CODINGS.find((coding) => coding === name) ?? null
}

function isReadable(name: string): boolean {
  return name === 'identity' || readableCoding(name) !== null
}

function nameOf(member: string): string {
  return (member.split(';', 1)[0] ?? '').trim().toLowerCase()
}

function weightsOf(field: string): Weights {
  const weights = new Map<string, number>()
  for (const member of field.split(',')) {
    const name = nameOf(member)
    if (name !== '') weights.set(name, weightIn(member))
  }
  return weights
}

/** RFC 9110 §12.4.2. What is no weight counts as 0: better no coding than one that the client did not want. */
function weightIn(member: string): number {
  const parameter = /;[ \t]*q=([^;]*)/i.exec(member)
  if (parameter === null) return 1
  const text = parameter[1]?.trim() ?? ''
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0
}

function weightOf(weights: Weights, coding: Coding): number {
  const named = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined)
  return named ?? weights.get('*') ?? 0
}
