export { connectionClosed, connectionRefused } from './faults.js'
export { TestKit, testFilter } from './test-filter.js'
export type {
  SessionSnapshot,
  TestAnswer,
  TestBody,
  TestFilterOptions,
  TestHeaders,
  TestRequest,
  TestUpstream,
  TestUpstreamAnswer,
  TestUpstreamRequest,
} from './types.js'
