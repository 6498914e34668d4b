import { RedisStore, type RedisStoreOptions } from '../../state/index.js'
import type { AdResult } from '../upstream/index.js'
import type { UpstreamSessionOptions } from './session-options.js'
import { UpstreamSession } from './upstream-session.js'

export interface RedisUpstreamSessionOptions<Result extends AdResult = AdResult>
  extends Omit<UpstreamSessionOptions<Result>, 'store'> {
  /** How to reach Redis. Default `redis://127.0.0.1:6379`. */
  readonly redis?: RedisStoreOptions
}

/** The seed's session (B-40, B-49): an {@link UpstreamSession} with a Redis store of its own, which it closes. */
export class RedisUpstreamSession<Result extends AdResult = AdResult> extends UpstreamSession<Result> {
  readonly #store: RedisStore

  constructor(options: RedisUpstreamSessionOptions<Result>) {
    const { redis, ...rest } = options
    const store = new RedisStore(redis)
    super({ ...rest, store })
    this.#store = store
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#store.close()
  }
}
