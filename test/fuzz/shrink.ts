/**
 * Makes a message shorter as long as it still fails: whole lines first, then ever shorter pieces.
 * @param fails asked at most `tries` times
 */
export async function shrink(
  text: string,
  fails: (text: string) => Promise<boolean>,
  tries = 200,
): Promise<string> {
  let best = text
  let left = tries
  const attempt = async (candidate: string): Promise<boolean> => {
    if (left <= 0 || candidate === best) return false
    left -= 1
    if (!(await fails(candidate))) return false
    best = candidate
    return true
  }
  const lines = best.split(/(?<=\n)/)
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    const without = lines.filter((_, index) => index !== at)
    if (await attempt(without.join(''))) lines.splice(at, 1)
  }
  for (let size = Math.floor(best.length / 4); size >= 1 && left > 0; size = Math.floor(size / 2)) {
    for (let at = best.length - size; at >= 0 && left > 0; at -= size)
      await attempt(best.slice(0, at) + best.slice(at + size))
  }
  return best
}
