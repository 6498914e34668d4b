import { answerParent } from './child.js'
import { generate } from './generate.js'
import type { LoadPlan } from './types.js'

// The generator's own process: see runLoad().
answerParent({ run: (plan) => generate(plan as LoadPlan) })
