#!/usr/bin/env node
import { main } from './cli/main.js'

// Not process.exit(): what is still to be written to a pipe must get out first.
process.exitCode = await main(process.argv.slice(2))
// Something that a filter module started, or a peer that does not close, must not keep a finished command alive.
setTimeout(() => process.exit(), 500).unref()
