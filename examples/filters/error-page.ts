import { defineFilter } from 'headgate'

/** A page for people instead of the error document, when the upstream has failed for good. */
export default defineFilter({
  name: 'error-page',
  failToProxy(session, error) {
    if (!session.reqHeader()?.headers.get('accept')?.includes('text/html')) return undefined
    return {
      status: error.status,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: `<h1>Sorry</h1><p>Tell us this number: ${session.requestId()}</p>`,
    }
  },
  suppressErrorLog: (_session, error) => error.code === 'HG_NO_PEER',
  requestSummary: (session) => `agent ${session.reqHeader()?.headers.get('user-agent') ?? '-'}`,
})
