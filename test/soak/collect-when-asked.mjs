// Loaded into every thread of a gateway under soak, before its own code: at SIGUSR2 all of them collect what nobody holds any more, and give its pages
// back. What is to be seen is what stays.
import { queryObjects } from 'node:v8'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

class Nobody {}

/** Counting objects is the one call of Node that begins with V8's thorough collection, which shrinks the young generation too; `gc()` leaves that as large as it was. */
const collect = () => queryObjects(Nobody)

const asked = new BroadcastChannel('soak: collect')
asked.onmessage = collect
asked.unref()
if (isMainThread)
  process.on('SIGUSR2', () => {
    asked.postMessage(null)
    collect()
  })
