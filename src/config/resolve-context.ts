import type { Path, ProblemCode } from './problem.js'
import type { ProblemDetails } from './source.js'

/** What the parts of the resolver share. */
export interface ResolveContext {
  /** Folder that relative names start from: that of the config file, or the working directory. */
  readonly baseFolder: string
  /** Is there something written at a path, or does it stand there by default? */
  readonly isWritten: (path: Path) => boolean
  /** Notes a problem and goes on, so that one run shows all of them. */
  readonly report: (code: ProblemCode, path: Path, message: string, details?: ProblemDetails) => void
}
