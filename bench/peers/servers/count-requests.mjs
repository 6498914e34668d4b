/** Answers the suite's question how many requests a `node:http` server has seen. */
export function countRequests(server) {
  let requests = 0
  server.on('request', () => {
    requests += 1
  })
  process.on('message', () => process.send(requests))
  process.on('disconnect', () => process.exit(0))
}
