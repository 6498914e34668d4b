/** Collects what nobody holds. The runner starts its processes with `--expose-gc`. */
export function collectGarbage(): void {
  if (gc === undefined) throw new Error('this process was started without --expose-gc')
  gc()
}
