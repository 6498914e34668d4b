/** Throughput at a number of workers. */
export interface ScalingSample {
  readonly workers: number
  readonly perSecond: number
}

/**
 * The Universal Scalability Law (N. J. Gunther, "Guerrilla Capacity Planning", chapter 4): throughput at N workers is
 * `λ N / (1 + α (N - 1) + β N (N - 1))`.
 */
export interface ScalingLaw {
  /** λ: requests a second of the first worker. */
  readonly perWorkerPerSecond: number
  /** α, at least 0: the share of the work that waits for its turn at something shared. */
  readonly contention: number
  /** β, at least 0: what every pair of workers costs to agree with each other. */
  readonly coherency: number
  /** Workers beyond which throughput falls, `sqrt((1 - α) / β)`, at least 1; infinite without coherency cost. */
  readonly knee: number
  /** Root mean square of the relative distance between law and samples. */
  readonly error: number
}

const COLUMNS = [() => 1, (n: number) => n - 1, (n: number) => n * (n - 1)] as const

/** What the law may consist of besides λ, simplest first. */
const SHAPES: readonly (readonly number[])[] = [[0], [0, 1], [0, 2], [0, 1, 2]]

/** A further parameter has to take away this share of the error, or it only follows the noise. */
const WORTH_IT = 0.1

/**
 * Fits the law by least squares of the relative error: `N / X` is linear in `1/λ`, `α/λ` and `β/λ`. Coefficients below 0 have no
 * meaning, so that the best fit without them is taken.
 * @param samples one a number of workers; those without throughput are left out.
 * @returns null without a sample.
 */
export function fitScalingLaw(samples: readonly ScalingSample[]): ScalingLaw | null {
  const usable = samples.filter(({ workers, perSecond }) => workers > 0 && perSecond > 0)
  let best: ScalingLaw | null = null
  for (const shape of SHAPES) {
    if (shape.length > usable.length) break
    const law = fitShape(usable, shape)
    if (law !== null && (best === null || law.error < best.error * (1 - WORTH_IT))) best = law
  }
  return best
}

/** Requests a second that the law expects. */
export function expectedPerSecond(law: ScalingLaw, workers: number): number {
  const { perWorkerPerSecond, contention, coherency } = law
  return (
    (perWorkerPerSecond * workers) / (1 + contention * (workers - 1) + coherency * workers * (workers - 1))
  )
}

function fitShape(samples: readonly ScalingSample[], shape: readonly number[]): ScalingLaw | null {
  // Each equation is divided by its right side, N / X, which makes the errors relative.
  const rows = samples.map(({ workers, perSecond }) =>
    shape.map((column) => ((COLUMNS[column] ?? COLUMNS[0])(workers) * perSecond) / workers),
  )
  const normal = shape.map((_, i) =>
    shape.map((__, j) => rows.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0)),
  )
  const solution = solve(
    normal,
    shape.map((_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0)),
  )
  if (solution === null) return null
  const coefficients = [0, 0, 0]
  for (const [index, column] of shape.entries()) coefficients[column] = solution[index] ?? 0
  const [inverse = 0, alpha = 0, beta = 0] = coefficients
  if (!(inverse > 0) || alpha < 0 || beta < 0) return null
  const contention = alpha / inverse
  const coherency = beta / inverse
  const law = {
    perWorkerPerSecond: 1 / inverse,
    contention,
    coherency,
    knee:
      coherency > 0
        ? Math.max(1, Math.sqrt(Math.max(0, 1 - contention) / coherency))
        : Number.POSITIVE_INFINITY,
    error: 0,
  }
  const squares = samples.map(
    (sample) => (expectedPerSecond(law, sample.workers) / sample.perSecond - 1) ** 2,
  )
  return { ...law, error: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / samples.length) }
}

/** Gauss with pivots, for at most three unknowns; null when they are not determined. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | null {
  const rows = matrix.map((row, index) => [...row, right[index] ?? 0])
  const size = rows.length
  for (let column = 0; column < size; column += 1) {
    const candidates = rows.slice(column)
    const pivot = candidates.reduce((most, row) =>
      Math.abs(row[column] ?? 0) > Math.abs(most[column] ?? 0) ? row : most,
    )
    const lead = pivot[column] ?? 0
    if (Math.abs(lead) < 1e-12) return null
    rows.splice(rows.indexOf(pivot), 1)
    rows.splice(column, 0, pivot)
    for (const row of rows) {
      if (row === pivot) continue
      const factor = (row[column] ?? 0) / lead
      for (let k = column; k <= size; k += 1) row[k] = (row[k] ?? 0) - factor * (pivot[k] ?? 0)
    }
  }
  return rows.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1))
}
