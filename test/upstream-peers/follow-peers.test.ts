import { expect, it } from 'vitest'
import { PeerFollower } from '#src/upstream/follow-peers.js'
import { configuredPeers, PeerSet, PeerTable } from '#src/upstream/index.js'

const TARGETS = [
  { id: 'app.test:80', host: 'app.test', port: 80 },
  { id: '10.0.0.9:80', host: '10.0.0.9', port: 80 },
]
const [NAME, ADDRESS] = configuredPeers(TARGETS)

function rig() {
  const table = new PeerTable({ workers: 1, rows: [34] })
  table.publish(0, configuredPeers(TARGETS))
  const told: string[] = []
  const follower = new PeerFollower(
    [
      {
        peers: new PeerSet(TARGETS, { shared: { table, upstream: 0, worker: 0 } }),
        connector: { retainTargets: (ids) => void told.push(`retain ${[...ids].sort().join(' ')}`) },
      },
    ],
    {
      watch: (name) => void told.push(`watch ${name}`),
      forget: (name) => void told.push(`forget ${name}`),
    },
  )
  return { table, told, follower, since: () => told.splice(0) }
}

it('a worker asks for a name itself only while the table has no addresses of it', () => {
  if (NAME === undefined || ADDRESS === undefined) throw new Error('no peers')
  const { table, follower, since } = rig()
  expect(since()).toEqual(['watch app.test'])
  follower.look()
  expect(since()).toEqual([])

  table.publish(0, [{ ...NAME, host: '10.0.0.1' }, { ...NAME, host: '10.0.0.2' }, ADDRESS])
  follower.look()
  const ids = '10.0.0.9:80 app.test:80@10.0.0.1 app.test:80@10.0.0.2'
  expect(since()).toEqual([`retain ${ids}`, 'forget app.test'])
  follower.look()
  expect(since()).toEqual([])

  table.publish(0, [NAME, ADDRESS])
  follower.look()
  expect(since()).toEqual(['retain 10.0.0.9:80 app.test:80', 'watch app.test'])
})
