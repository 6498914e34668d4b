const POLL_MS = 5

/**
 * Waits until `test` holds, for states that no event tells of: counters in shared memory, /proc, another process. The time
 * limit only bounds how long a failing test hangs.
 * @throws Error that names `what`, and the last failure of `test` if it threw
 */
export async function eventually(
  what: string,
  test: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const startMs = performance.now()
  let failure: unknown
  while (performance.now() - startMs < timeoutMs) {
    try {
      if (await test()) return
      failure = undefined
    } catch (error) {
      failure = error
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`in vain: ${what}`, { cause: failure })
}
