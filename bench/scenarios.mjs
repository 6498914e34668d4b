import { fileURLToPath } from 'node:url'

const ONE_HEADER = fileURLToPath(new URL('./filters/one-header.mjs', import.meta.url))

/** What is measured. `bytes` is the size of the origin's answer; with `cache` both gateways answer out of theirs. */
export const SCENARIOS = [
  { name: 'forward 100 B', bytes: 100, connections: 64 },
  {
    name: 'forward 100 B, one header filter',
    bytes: 100,
    connections: 64,
    filters: [ONE_HEADER],
    baseline: 'forward 100 B',
  },
  { name: 'forward 100 B, 512 connections', bytes: 100, connections: 512 },
  { name: 'hit 100 B', bytes: 100, connections: 64, cache: true },
  { name: 'hit 16 KiB', bytes: 16_384, connections: 64, cache: true },
  { name: 'forward 16 KiB', bytes: 16_384, connections: 64 },
]
