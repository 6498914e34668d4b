/** One case of the catalogue of faults and abuse: upstreams (A), clients (B), the gateway itself (C). */
export interface CatalogueRow {
  readonly id: string
  /** What happens, and what is expected of the gateway. */
  readonly what: string
  /** Clients see it: its tests run over both acceptors. */
  readonly onBoth: boolean
}

const UPSTREAMS = `
All peers refuse connections: 502 \`connection_refused\` at once, each peer asked once
Nobody answers the SYN: 504 \`connection_timeout\`
Names that do not resolve, slowly, or no longer: 502 \`dns_error\`, 504 \`dns_timeout\`, the last good address; nobody else waits
It accepts and never answers: 504 \`http_response_timeout\`, the connection is not used again
It closes behind its head: the client sees that it is not whole; logged, not cached
It breaks off within a chunk, or without the last one: as A5
More than was announced, or a second answer: nobody ever gets it
Two lengths, a length and a coding, another coding: 502, nothing is passed on
A reset after a megabyte: the client sees that it is not whole, the memory comes back
Heads beyond the limit, thousands of interim answers, a 101 that nobody asked for: 502
It closes an idle connection just as it is used: no GET fails, no POST is sent twice
304 with a length, HEAD, 204, 205: right, and the connection can be used again
Every second answer is 503: retries keep to their budget, and none behind a byte that was passed on
One of three peers fails or is slow: ejected, bounded, back again; with all of them out all are asked
One byte a second: the total deadline ends it, others do not notice
A gzip bomb: nothing opens it beyond its bound
The gateway is its own upstream: 502 \`proxy_loop_detected\` within one hop
`

const CLIENTS = `
Lengths that differ, repeat, or are none, with and without a coding: refused, and what follows is never a request
Codings that are obfuscated: refused, the upstream sees nothing
Chunks off the grammar, trailers with a hidden request: at most one request is executed
Bare LF and CR, NUL, folded lines, spaces before colons, no Host or two: refused
Too large: 431, 414, 413 before the upload ends; no upstream connection is opened
Slow heads, bodies and readers: cut, within bounded memory, while others are served
Twice as many connections as there may be: the surplus is closed, the rest served, the admin listener answers
Clients that leave in the middle, by the hundred: nothing is left behind
Pipelined requests: in order, or closed; no answer reaches another request
\`Connection\` names protected fields: they stay
Forged forwarding fields: replaced, unless a trusted proxy sent them
Attacks by way of Host: refused or not found, never part of a URL or key
Absolute and authority form, CONNECT, TRACE, schemes in the path: refused; the upstream comes from the configuration
Tricks with paths: routes and upstream see one normal form, no guard is passed by
CRLF that a filter copies out of a request: 500 in the name of the filter, never split
Upgrades that are not granted, forged 101s, data sent ahead: never a tunnel, never a request
\`Expect: 100-continue\`, answers before the end of the upload: told once, then closed
Floods of equal hashes, names like \`__proto__\`, slow patterns: linear time
Cache poisoning by fields that no key holds, private answers, errors, ranges: not stored, not served
Cache deception by paths that look static: the answer decides, not the path
Log injection: one line of JSON per request, escaped, cut at 1 KiB
Secrets: in no log, metric, error page or dump of the configuration
The admin listener asked by a page elsewhere: refused; changes only by POST
`

const OURSELVES = `
Filters that throw, reject, or never end: 500 in their name, others go on
A filter that loops: its worker is replaced, its sessions get 502, others notice nothing
A worker out of heap, gone, or with too many Buffers: it costs at most what it had in flight, and is replaced
A worker that cannot start: back-off, not ready, and a start that fails says why
All workers are full: a bounded queue, then 503 with \`Retry-After\`
A worker dies with a lock in its hand or half an entry written: nothing torn, nothing stuck
SIGTERM in the middle: all is finished, exit 0; what the deadline or a second signal cuts is counted, exit 1
A new process takes the port over under load: no request fails
A reload with a broken configuration or filter: nothing changes, and it is told
Redis is away, dies, is slow, comes back: each feature by its policy, nobody waits longer than the timeout
Ten thousand bids at once for one cap or budget, over threads and processes: never more than it
Disk full, folder not writable, no more descriptors: degraded and counted, requests are served
State on the disk cut off, damaged, or killed in the middle: it starts with what was committed
The clock jumps: timers, latencies and caps do not
URLs of ads that lead inside: refused on the resolved address, at every hop
Conservation: requests = answers + aborts, refusals counted, nothing pending, descriptors and memory back
`

function rows(letter: string, text: string, onBoth: (number: number) => boolean): CatalogueRow[] {
  return text
    .trim()
    .split('\n')
    .map((what, index) => ({ id: `${letter}${index + 1}`, what, onBoth: onBoth(index + 1) }))
}

/** Rules without a client: pure functions, the cache's rules, the admin listener, which is no acceptor. */
const NOT_OVER_ACCEPTORS = [23]
/** Of our own failures those that show at the acceptor. */
const OURS_OVER_ACCEPTORS = [1, 2, 3, 5, 7, 16]

export const CATALOGUE: readonly CatalogueRow[] = [
  ...rows('A', UPSTREAMS, () => false),
  ...rows('B', CLIENTS, (number) => !NOT_OVER_ACCEPTORS.includes(number)),
  ...rows('C', OURSELVES, (number) => OURS_OVER_ACCEPTORS.includes(number)),
]
