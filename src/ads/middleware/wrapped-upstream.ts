import { BaseUpstream, type Upstream, type UpstreamCall } from '../upstream/index.js'

/** An upstream around another one: `close` and `healthCheck` pass through (B-52). */
export abstract class WrappedUpstream<Result> extends BaseUpstream<Result> {
  protected readonly inner: Upstream<Result>

  constructor(inner: Upstream<Result>) {
    super()
    this.inner = inner
  }

  get name(): string {
    return this.inner.name
  }

  get isIdempotent(): boolean {
    return this.inner.isIdempotent ?? true
  }

  abstract override request(call?: UpstreamCall): Promise<Result>

  close(): Promise<void> {
    return this.inner.close()
  }

  healthCheck(): Promise<boolean> {
    return this.inner.healthCheck()
  }
}
