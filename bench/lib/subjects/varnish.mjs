import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine, programPath, run } from '../programs.mjs'
import { freePort, startProcess, workFolder } from '../start-process.mjs'

const path = programPath('varnishd')

export const varnish = {
  setup: 'its default threads; forwards with `pass`, caches in memory (`malloc`)',
  missing: () => (path === null ? 'not installed (Debian: varnish)' : null),
  version: () => /varnish-([\d.]+)/.exec(firstLine(path, ['-V']))?.[1] ?? '',
  async start(scenario, origin) {
    if (scenario.origin.tls === true) throw new Error('it speaks no TLS')
    const folder = workFolder()
    chmodSync(folder, 0o755)
    const port = await freePort()
    const backend = `backend origin { .host = "127.0.0.1"; .port = "${origin.port}"; }`
    const rule = scenario.cached ? '' : 'sub vcl_recv { return (pass); }'
    writeFileSync(join(folder, 'bench.vcl'), `vcl 4.1;\n${backend}\n${rule}\n`)
    const name = join(folder, 'work')
    const args = ['-F', '-j', 'none', '-n', name, '-a', `127.0.0.1:${port}`, '-f', join(folder, 'bench.vcl')]
    const started = await startProcess(path, [...args, '-s', 'malloc,128m'], { port, folder })
    let loads = 0
    return {
      ...started,
      async reload() {
        loads += 1
        for (const words of [
          ['vcl.load', `again${loads}`, join(folder, 'bench.vcl')],
          ['vcl.use', `again${loads}`],
        ]) {
          const { status, stderr } = await run('varnishadm', ['-n', name, ...words])
          if (status !== 0) throw new Error(stderr.trim())
        }
      },
      url: `http://127.0.0.1:${port}`,
      async requests() {
        const { stdout } = spawnSync(
          'varnishstat',
          ['-n', name, '-1', '-f', 'MAIN.client_req', '-f', 'MAIN.busy_wakeup'],
          { encoding: 'utf8' },
        )
        const counter = (field) => Number(new RegExp(`MAIN\\.${field}\\s+(\\d+)`).exec(stdout)?.[1])
        // One that has waited for another's fetch is counted anew when it goes on.
        return counter('client_req') - counter('busy_wakeup')
      },
    }
  },
}
