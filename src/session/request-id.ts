import { randomUUID } from 'node:crypto'

/** A fresh `req-<uuid>` (contract A-23, B-10): one string joins gateway log, upstream header and ad session. */
export function generateRequestId(): string {
  return `req-${randomUUID()}`
}
