import type { RequestHeader } from '../session/message-headers.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { Attempt } from './attempt.js'
import type { ResponseStage } from './response-stage.js'

/** What stands between the upstream and the response: the cache. */
export interface AnswerTaker extends Pick<ResponseStage, 'chunk' | 'end'> {
  /** Changes a copy of the request that is about to leave. */
  prepare(request: RequestHeader): void
  begin(head: ResponseHead, attempt: Attempt): void
  /** The client has some of the answer, and this is to bring the rest: no other attempt can take its place. */
  readonly isResumption?: boolean
}
