import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Endpoint } from './endpoint.js'

// The page is served as it lies in the package: it has no build step.
const PAGES = fileURLToPath(new URL('../../src/control/dashboard/', import.meta.url))

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** Files of the page beside `index.html`. */
const FILES = [
  'dashboard.css',
  'main.js',
  'charts.js',
  'tables.js',
  'percentiles.js',
  'format.js',
  'theme.js',
  'icon.svg',
] as const

/** The dashboard's files, and the library that draws its curves. Read when they are asked for first. */
export function dashboardFiles(): Endpoint[] {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))
  return [
    ...FILES.map((name) => file(`/dashboard/${name}`, join(PAGES, name))),
    file('/dashboard/uplot.js', join(uplot, 'dist/uPlot.esm.js')),
    file('/dashboard/uplot.css', join(uplot, 'dist/uPlot.min.css')),
  ]
}

/** The page itself, HTML text. */
export function dashboardPage(): string {
  return readFileSync(join(PAGES, 'index.html'), 'utf8')
}

function file(path: string, source: string): Endpoint {
  const extension = path.slice(path.lastIndexOf('.') + 1)
  const type = Object.entries(TYPES).find(([name]) => name === extension)?.[1] ?? 'application/octet-stream'
  let body: Buffer | null = null
  return {
    method: 'GET',
    path,
    answer() {
      body ??= readFileSync(source)
      return { status: 200, type, body, headers: { 'cache-control': 'no-cache' } }
    },
  }
}
