import { constants, setPriority } from 'node:os'
import { answerParent } from './child.js'
import { generate } from './generate.js'
import type { LoadPlan } from './types.js'

// The generator's own process: see runLoad(). Where it may, it goes before what it measures on the same cores: it needs little, and its
// own lateness is no latency of the server. Threads made later inherit it.
try {
  setPriority(constants.priority.PRIORITY_HIGH)
} catch {
  // An ordinary user may not; lateness is measured and refused in either case.
}
answerParent({ run: (plan) => generate(plan as LoadPlan) })
