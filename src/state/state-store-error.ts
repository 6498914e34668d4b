/** `unavailable`: no connection. `timeout`: no answer in time. `overloaded`: too much waits already. `breaker-open`: it failed too often and is left alone for a while. `full`: no room. `closed`: it was shut. */
export type StateStoreFailure = 'unavailable' | 'timeout' | 'overloaded' | 'breaker-open' | 'full' | 'closed'

/** A store could not be asked. Policies decide what then happens (C-09, F-12). */
export class StateStoreError extends Error {
  override readonly name = 'StateStoreError'
  readonly code = 'HG_STATE_STORE'
  readonly store: string
  readonly failure: StateStoreFailure

  constructor(store: string, failure: StateStoreFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.store = store
    this.failure = failure
  }
}
