export type { AdEvent, AnalyticsClient, EventFields, ImpressionFields, RouteAdEvent } from './ad-event.js'
export { AdServer } from './ad-server.js'
export { EventQueue, type EventQueueOptions, type EventQueueStats, type EventSink } from './event-queue.js'
export { fetchWithLogging, loggedAdRequest } from './logged-request.js'
export {
  type FormatRequest,
  fetchMultiFormatAd,
  type MultiFormatOptions,
  requestFormats,
} from './multi-format.js'
export { QueuedAnalytics } from './queued-analytics.js'
export {
  HttpBatchSink,
  type HttpBatchSinkOptions,
  LogSink,
  RedisStreamSink,
  type RedisStreamSinkOptions,
  type StreamClient,
} from './sinks.js'
