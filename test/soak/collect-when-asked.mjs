// Loaded into every thread of a gateway under soak, before its own code: at SIGUSR2 all of them collect what nobody holds any more, and give its pages
// back; then malloc gives back its own, and that is told on standard error. What is to be seen is what stays.
import { queryObjects } from 'node:v8'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

class Nobody {}

/** Counting objects is the one call of Node that begins with V8's thorough collection, which shrinks the young generation too; `gc()` leaves that as large as it was. */
const collect = () => queryObjects(Nobody)
/** By then all threads have collected. */
const COLLECTED_MS = 500

const asked = new BroadcastChannel('soak: collect')
asked.onmessage = collect
asked.unref()
if (isMainThread) {
  const { default: koffi } = await import('koffi')
  const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t)')
  process.on('SIGUSR2', () => {
    asked.postMessage(null)
    collect()
    setTimeout(() => {
      trim(0)
      process.stderr.write('given back\n')
    }, COLLECTED_MS).unref()
  })
}
