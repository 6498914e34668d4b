// Loaded into every thread of a gateway under soak, before its own code: V8 collects its old space only when that has grown by half, which
// under a light load is every few minutes, and until then RSS rises. What is to be seen is what stays.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const EVERY_MS = 5_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
setInterval(() => collect(), EVERY_MS).unref()
