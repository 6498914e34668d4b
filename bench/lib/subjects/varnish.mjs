import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLine, programPath } from '../programs.mjs'
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
    return {
      ...started,
      url: `http://127.0.0.1:${port}`,
      async requests() {
        const { stdout } = spawnSync('varnishstat', ['-n', name, '-1', '-f', 'MAIN.client_req'], {
          encoding: 'utf8',
        })
        return Number(/MAIN\.client_req\s+(\d+)/.exec(stdout)?.[1])
      },
    }
  },
}
