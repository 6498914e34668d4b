import type { DeadlineWheel } from '../../time/index.js'
import type { Connection } from './connection.js'
import type { ReaderLimits } from './response-reader.js'

/** Who keeps a connection between its exchanges. */
export interface ConnectionOwner {
  readonly wheel: DeadlineWheel
  readonly limits: ReaderLimits
  /** Time (of `now()`) after which a connection made now is not kept. */
  retireAt(): number
  /**
   * For how many milliseconds to keep a connection whose exchange ended well; 0 or less to close it.
   * @param keepAliveSeconds what the upstream said of its own limit, -1 when nothing
   */
  keepMs(retireAt: number, keepAliveSeconds: number): number
  onIdle(connection: Connection): void
  onClosed(connection: Connection, wasIdle: boolean): void
  /** Something was off: counted. */
  onDropped(): void
}
