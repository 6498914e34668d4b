export { type FieldCondition, fieldOf, holds, parameterOf } from './field-condition.js'
export { hostName } from './host-name.js'
export { normalTarget, type TargetRules } from './normal-target.js'
export {
  type PathParams,
  type PathPattern,
  PatternError,
  paramNames,
  parsePathPattern,
  pathParams,
  patternCovers,
  type Segment,
} from './path-pattern.js'
export { PathTree } from './path-tree.js'
export { PathRewriter, type RewriteConfig } from './rewrite.js'
export { parseLocation, type RouteAction, type RouteAnswer, RouteAnswerer } from './route-answer.js'
export { parseTemplate, TemplateError } from './template.js'
export { type StickyKey, WeightedChoice } from './weighted-choice.js'
