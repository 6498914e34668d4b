import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../fixtures/ads/vast/', import.meta.url)

export function fixture(path: string): Buffer {
  return readFileSync(new URL(path, root))
}

/** Paths of all real documents. */
export const DOCUMENTS = ['rs-vast', 'vast-client-js'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.xml'))
    .map((name) => `${folder}/${name}`),
)
