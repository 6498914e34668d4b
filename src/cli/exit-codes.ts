/** Exit codes of every command. 78 is `EX_CONFIG` of sysexits.h. */
export const EXIT = { ok: 0, runtime: 1, usage: 2, config: 78 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
