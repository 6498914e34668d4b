export { HeadBuilder, type HeadBuilderOptions } from './head-builder.js'
export { ALLOW } from './methods.js'
export { REFUSALS } from './refusals.js'
