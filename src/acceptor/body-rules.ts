/** Statuses whose answers never have a body (RFC 9110 §6.4.1): no content and no framing fields either. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200
}
