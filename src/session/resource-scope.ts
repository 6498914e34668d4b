/**
 * What a session owns beyond plain memory (contract A-02): releases run once each, in reverse order, when the session ends on
 * whatever path.
 */
export class ResourceScope {
  #releases: (() => void)[] | null = null
  #disposed = false

  /** Registers a release. After the scope was disposed it runs at once. */
  defer(release: () => void): void {
    if (this.#disposed) {
      release()
      return
    }
    this.#releases ??= []
    this.#releases.push(release)
  }

  /** Runs all releases. One that throws does not keep the others from running; the errors are returned. */
  dispose(): unknown[] {
    this.#disposed = true
    const releases = this.#releases
    if (releases === null) return []
    this.#releases = null
    const errors: unknown[] = []
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        release()
      } catch (error) {
        errors.push(error)
      }
    }
    return errors
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
