import { open } from 'lmdb'

/** What LMDB calls damage: no page where one should be, a page of another kind, no database at all. */
const DAMAGE: ReadonlySet<unknown> = new Set([-30797, -30796, -30793])
/** Exit code of this process for a damaged database. Any other failure is none: no permission, no memory, another version of LMDB. */
const DAMAGED = 65

// Reads all of the database named by its argument, in a process of its own: LMDB maps the file into memory, and what is cut off or damaged
// there ends the process that reads it with SIGBUS or SIGSEGV. Exit code 0: it can be read to its end.
const [, , path = ''] = process.argv
let entries = 0
try {
  const database = open({ path, encoding: 'msgpack', cache: false, readOnly: true })
  for (const { value } of database.getRange({ snapshot: true })) if (value !== undefined) entries += 1
  await database.close()
  process.stdout.write(String(entries))
} catch (error) {
  process.stderr.write(String(error))
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  // Without a code it comes from a value that is none.
  process.exitCode = code === undefined || DAMAGE.has(code) ? DAMAGED : 1
}
