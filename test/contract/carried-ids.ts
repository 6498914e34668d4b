import ts from 'typescript'

const ID = /\b[ABC]-\d{2}\b/g
const CALLS = new Set(['it', 'test', 'describe'])
/** What stands behind one of these does not run. */
const NOT_RUN = new Set(['skip', 'todo'])

export interface CarriedId {
  readonly id: string
  /** Of the test that carries it, those of its `describe` in front. */
  readonly title: string
}

/** Ids in the titles of tests that run; of those in a `describe`, if it has a test. Rows of a table count where the title shows them. */
export function carriedIds(source: string): CarriedId[] {
  const found: CarriedId[] = []
  const visit = (node: ts.Node, outer: readonly string[]): void => {
    const call = ts.isCallExpression(node) ? testCall(node) : null
    if (call === null) {
      ts.forEachChild(node, (child) => visit(child, outer))
      return
    }
    if (!call.runs) return
    const titles = [...outer, call.title]
    if (call.name === 'describe') {
      for (const argument of call.rest) visit(argument, titles)
      return
    }
    const title = titles.join(' > ')
    for (const id of new Set(`${title} ${call.rows}`.match(ID))) found.push({ id, title })
  }
  visit(ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest, true), [])
  return found
}

interface TestCall {
  readonly name: string
  readonly runs: boolean
  readonly title: string
  /** Text of the table of an `each`. */
  readonly rows: string
  readonly rest: readonly ts.Expression[]
}

function testCall(node: ts.CallExpression): TestCall | null {
  const [title, ...rest] = node.arguments
  if (title === undefined || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) return null
  const names: string[] = []
  let rows = ''
  let callee: ts.Expression = node.expression
  while (!ts.isIdentifier(callee)) {
    if (ts.isPropertyAccessExpression(callee)) {
      names.push(callee.name.text)
      callee = callee.expression
    } else if (ts.isCallExpression(callee)) {
      rows = callee.arguments.map((argument) => argument.getText()).join(' ')
      callee = callee.expression
    } else return null
  }
  if (!CALLS.has(callee.text)) return null
  const text = title.getText().slice(1, -1)
  return {
    name: callee.text,
    runs: !names.some((name) => NOT_RUN.has(name)),
    title: text,
    rows: /%s|\$/.test(text) ? rows : '',
    rest,
  }
}
