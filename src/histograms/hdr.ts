import { createRequire } from 'node:module'

type Hdr = typeof import('hdr-histogram-js')

let library: Hdr | null = null

/**
 * hdr-histogram-js, loaded when a histogram is first read: most threads only count, and need not pay for its code and its
 * WebAssembly at their start.
 */
export function hdr(): Hdr {
  library ??= createRequire(import.meta.url)('hdr-histogram-js') as Hdr
  return library
}
