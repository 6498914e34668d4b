/** Methods that have a label of their own; all others share the last one, since a client may invent them. */
export const METHOD_LABELS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'PURGE',
  'QUERY',
  '_OTHER',
] as const
export type MethodLabel = (typeof METHOD_LABELS)[number]

const METHOD_INDEX: ReadonlyMap<string, number> = new Map(METHOD_LABELS.map((label, index) => [label, index]))
const GET = METHOD_LABELS.indexOf('GET')
const OTHER_METHOD = METHOD_LABELS.length - 1

/** Place of a method's label in {@link METHOD_LABELS}. */
export function methodIndex(method: string): number {
  return method === 'GET' ? GET : (METHOD_INDEX.get(method) ?? OTHER_METHOD)
}
