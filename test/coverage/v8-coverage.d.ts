declare module '@bcoe/v8-coverage' {
  import type { Profiler } from 'node:inspector'

  /** Undefined for none. */
  export function mergeScriptCovs(
    scripts: readonly Profiler.ScriptCoverage[],
  ): Profiler.ScriptCoverage | undefined
}
