/**
 * Lets the event loop of this process turn `count` times. Loopback delivers inside the system call that sends, so a
 * server on the same loop has read, answered and been heard after a handful of turns: an event-based gap, not a sleep.
 */
export async function turns(count = 12): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}
