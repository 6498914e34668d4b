declare module 'parse-prometheus-text-format' {
  /** One family as prom2json has it: values are texts. */
  export interface ParsedFamily {
    readonly name: string
    readonly help: string
    readonly type: string
    readonly metrics: readonly Readonly<Record<string, unknown>>[]
  }
  export default function parsePrometheusTextFormat(text: string): ParsedFamily[]
}
