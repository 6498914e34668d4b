import { createServer, type Server } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { claimPort } from '#src/supervisor/claim-port.js'

const host = '127.0.0.1'

function listenAt(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    onTestFinished(() => void server.close())
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}

it('a port that was free when it was found, and is taken when it is used, gives way to another', async () => {
  const claim = await claimPort({ host, port: 0 }, false)
  const asked: number[] = []
  await claim.listen(async (port) => {
    asked.push(port)
    if (asked.length === 1) await listenAt(port)
    return listenAt(port)
  })
  expect(asked).toHaveLength(2)
  expect(asked[1]).not.toBe(asked[0])
})

it('when every port that is found is taken by then, listening fails with that', async () => {
  const claim = await claimPort({ host, port: 0 }, false)
  let asked = 0
  const listening = claim.listen(async (port) => {
    asked += 1
    await listenAt(port)
    return listenAt(port)
  })
  await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(asked).toBe(5)
})

it('a port that was asked for is the only one that is tried', async () => {
  const taken = await listenAt(0)
  const { port } = taken.address() as { port: number }
  await new Promise((resolve) => taken.close(resolve))
  const claim = await claimPort({ host, port }, false)
  onTestFinished(() => claim.release())
  await listenAt(port)
  let asked = 0
  const listening = claim.listen((wanted) => {
    asked += 1
    return listenAt(wanted)
  })
  await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  expect(asked).toBe(1)
})
