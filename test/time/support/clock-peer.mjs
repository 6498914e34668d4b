import { parentPort, workerData } from 'node:worker_threads'

/*
 * A thread whose system clock jumped before it was started, and that answers each message with the time of the gateway's
 * clock.
 */
const { jumpMs, anchorMs } = workerData
const systemNow = Date.now
Date.now = () => systemNow() + jumpMs
const { now, useClockAnchor, clockAnchor } = await import('#src/time/index.js')
useClockAnchor(anchorMs)
parentPort.on('message', (message) => {
  if (message === 'end') parentPort.close()
  else parentPort.postMessage({ atMs: now(), anchorMs: clockAnchor() })
})
parentPort.postMessage('ready')
