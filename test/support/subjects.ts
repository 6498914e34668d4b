import { ACCEPTOR_KINDS, AcceptorUnderTest } from './acceptor-under-test.js'
import { GatewayUnderTest } from './gateway-under-test.js'
import type { Subject } from './subject.js'

export type SubjectKind = 'node' | 'uws' | 'gateway-node' | 'gateway-uws'

/** All that can stand behind a port here: each acceptor alone, and the gateway with each of them. */
export const SUBJECT_KINDS: readonly SubjectKind[] = ACCEPTOR_KINDS.flatMap((kind): SubjectKind[] => [
  kind,
  `gateway-${kind}`,
])

export async function startSubject(kind: SubjectKind): Promise<Subject> {
  switch (kind) {
    case 'node':
    case 'uws':
      return await AcceptorUnderTest.start(kind)
    case 'gateway-node':
      return await GatewayUnderTest.start('node')
    case 'gateway-uws':
      return await GatewayUnderTest.start('uws')
  }
}
