/**
 * Collects what nobody holds. The runner starts its processes with `--expose-gc`. Not in the midst of what calls it: full collections with calls under way are
 * known to end a process now and then (nodejs/node 62393), and what the stack seems to hold would stay.
 */
export async function collectGarbage(): Promise<void> {
  if (gc === undefined) throw new Error('this process was started without --expose-gc')
  await gc({ execution: 'async' })
}
