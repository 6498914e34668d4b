import { type FSWatcher, watch } from 'node:fs'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GatewayConfig } from '../config/types.js'

const EXTENSIONS: ReadonlySet<string> = new Set(
  '.ts .mts .cts .js .mjs .cjs .json .yaml .yml .pem .crt .cer .key'.split(' '),
)

/** Editors write a file in several steps. */
const SETTLE_MS = 200

/**
 * Calls back when a file beside the configuration or beside one of its filters has changed; once for changes that come together. Only
 * configurations, modules and certificates count, and not what lies in folders further down.
 * @returns ends it
 */
export function watchFiles(config: GatewayConfig, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const watchers: FSWatcher[] = []
  for (const folder of foldersOf(config)) {
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      if (name !== null && !EXTENSIONS.has(extname(name))) return
      clearTimeout(timer)
      timer = setTimeout(onChange, SETTLE_MS)
    })
    // A folder that goes away is watched no more; the reload that follows tells what is missing.
    watcher.on('error', () => watcher.close())
    watchers.push(watcher)
  }
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}

function foldersOf({ file, routes, tls }: GatewayConfig): Set<string> {
  const files = routes.flatMap(({ filters }) =>
    filters.flatMap((ref) =>
      ref.kind === 'module' && ref.specifier.startsWith('file:') ? [fileURLToPath(ref.specifier)] : [],
    ),
  )
  return new Set(
    [...(file === null ? [] : [file]), ...files, ...(tls?.files ?? [])].map((path) => dirname(path)),
  )
}
