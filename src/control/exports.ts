import { type EndedSpan, type SpanExport, startSpanExport } from '../otlp/index.js'
import type { ControlMessage, ControlTask } from './control-task.js'
import { exportMetrics } from './export-metrics.js'

/** What the control thread sends to a collector. */
export interface Exports {
  addSpans(spans: readonly EndedSpan[]): void
  /** Sends what is left. Never fails: problems are told. */
  close(): Promise<void>
}

/** @param task of the start: where things go cannot change without a restart. @param current as it is now */
export function startExports(
  { otlp }: ControlTask,
  current: () => ControlTask,
  tell: (message: ControlMessage) => void,
): Exports {
  if (otlp === undefined) return { addSpans: () => undefined, close: async () => undefined }
  const problem = (what: string, fields: Readonly<Record<string, unknown>>): void =>
    tell({ type: 'log', level: 'warn', fields, text: `${what} could not be exported` })
  const failed = (what: string) => (error: unknown) => {
    problem(what, { problem: String(error) })
    return null
  }
  const metrics = exportMetrics(current, otlp, (text) => problem('metrics', { problem: text })).catch(
    failed('metrics'),
  )
  const spans: Promise<SpanExport | null> =
    otlp.tracesUrl === null
      ? Promise.resolve(null)
      : startSpanExport(otlp, otlp.tracesUrl, (text, lost) =>
          problem('spans', { problem: text, lost }),
        ).catch(failed('spans'))
  return {
    addSpans(ended) {
      void spans.then((to) => {
        for (const span of ended) to?.add(span)
      })
    },
    async close() {
      await Promise.allSettled([metrics.then((stop) => stop?.()), spans.then((to) => to?.close())])
    },
  }
}
