/** Loads a module of `bench/`, which is plain JavaScript outside the package. The caller says what it holds. */
export async function benchModule(path: string): Promise<unknown> {
  return import(new URL(`../../bench/${path}`, import.meta.url).href)
}
