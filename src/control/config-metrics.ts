import { createHash } from 'node:crypto'
import type { ControlTask } from './control-task.js'
import { labelText, type Metric } from './metric.js'
import type { GatewayState } from './stats.js'

/** Of a hash: as many as a double holds exactly. */
const HASH_BYTES = 6
let hashed: { readonly config: unknown; readonly hash: number } = { config: undefined, hash: 0 }

/** The configuration in use and what became of reloads. */
export function configMetrics({ config: shown }: ControlTask, { config }: GatewayState): Metric[] {
  const { generation, lastSucceeded, succeeded, failed, takenMs } = config
  if (hashed.config !== shown) hashed = { config: shown, hash: hashOf(shown) }
  return [
    [
      'config_generation',
      'gauge',
      'Number of the configuration in use, 1 being that of the start.',
      [['', generation]],
    ],
    [
      'config_hash',
      'gauge',
      'Hash of the configuration in use as /config shows it: the same number, the same configuration but for secrets.',
      [['', hashed.hash]],
    ],
    [
      'config_last_reload_successful',
      'gauge',
      'Whether the last reload succeeded; 1 before the first.',
      [['', Number(lastSucceeded)]],
    ],
    [
      'config_last_reload_success_timestamp_seconds',
      'gauge',
      'When the configuration in use was taken: the start, or the last reload that succeeded.',
      [['', takenMs / 1000]],
    ],
    [
      'config_reloads_total',
      'counter',
      'Reloads that were asked for, by what became of them.',
      [
        [labelText({ result: 'succeeded' }), succeeded],
        [labelText({ result: 'failed' }), failed],
      ],
    ],
  ]
}

function hashOf(config: unknown): number {
  return createHash('sha256')
    .update(JSON.stringify(config) ?? '')
    .digest()
    .readUIntBE(0, HASH_BYTES)
}
