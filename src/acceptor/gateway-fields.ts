/** Field lines that stand in every answer of the gateway (design §12): who answered, and under which id. */
export function gatewayFields(requestId: string): string {
  return `via: 1.1 headgate\r\nx-request-id: ${requestId}\r\n`
}
