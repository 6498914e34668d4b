export { type AttemptSpan, SessionTrace, Tracer, type TracerOptions } from './session-trace.js'
