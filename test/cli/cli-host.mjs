import { main } from '../../dist/cli/main.js'

// Runs command lines one after the other in this process, so that not each of them waits for a new one to start.
process.stdout.setMaxListeners(0)
process.on('message', async ({ args, cwd, env }) => {
  const said = { stdout: '', stderr: '' }
  const restore = ['stdout', 'stderr'].map((name) => {
    const { write } = process[name]
    process[name].write = (text, ...rest) => {
      said[name] += text
      rest.find((each) => typeof each === 'function')?.()
      return true
    }
    return () => {
      process[name].write = write
    }
  })
  const before = { ...process.env }
  const home = process.cwd()
  process.chdir(cwd)
  Object.assign(process.env, env)
  let code = null
  try {
    code = await main(args)
  } catch (error) {
    said.stderr += error.stack
  }
  process.chdir(home)
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
  for (const undo of restore) undo()
  process.send({ code, ...said })
})
// Ends by itself, so that what has run in it can be counted.
process.on('disconnect', () => process.exit())
