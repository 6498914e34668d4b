export { CookieJar } from './cookie-jar.js'
export { type CorrelationOptions, HopFields } from './hop-fields.js'
export { traceparent } from './traceparent.js'
