/**
 * The functions of jest that the tests use, for one process without its loader: jest's own takes half a minute to start under emulation. Results
 * are lines: `ok NAME`, `not ok NAME` after what went wrong, `skip NAME`, and `end` at last.
 */
import { inspect } from 'node:util'
import { expect } from 'expect'

type Body = () => unknown

interface Suite {
  readonly name: string
  readonly parent: Suite | undefined
  readonly skipped: boolean
  readonly hooks: Record<Moment, Body[]>
  readonly items: (Case | Suite)[]
}

interface Case {
  readonly name: string
  readonly body: Body
  readonly skipped: boolean
  readonly timeout: number
}

type Moment = 'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll'

function suiteOf(name: string, parent: Suite | undefined, skipped: boolean): Suite {
  return { name, parent, skipped, hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] }, items: [] }
}

const root = suiteOf('', undefined, false)
let current = root

function describing(skipped: boolean) {
  return (name: string, body: Body): void => {
    const suite = suiteOf(name, current, skipped || current.skipped)
    current.items.push(suite)
    const outer = current
    current = suite
    body()
    current = outer
  }
}

/** Emulation makes everything longer. */
const slower = 6

function testing(skipped: boolean) {
  return (name: string, body: Body, timeout = 30_000): void => {
    current.items.push({ name, body, skipped: skipped || current.skipped, timeout: timeout * slower })
  }
}

function each(define: (name: string, body: Body, timeout?: number) => void) {
  return (rows: readonly unknown[]) =>
    (name: string, body: (...args: readonly unknown[]) => unknown, timeout?: number): void => {
      for (const row of rows) {
        const args = Array.isArray(row) ? row : [row]
        define(titled(name, args), () => body(...args), timeout)
      }
    }
}

/** `$field` of the row, or `%s`, `%j`, `%d` and the like for its values in order. */
function titled(name: string, args: readonly unknown[]): string {
  const [row] = args
  const fields = new Map(Object.entries(typeof row === 'object' && row !== null ? row : {}))
  let next = 0
  return name
    .replaceAll(/\$(\w+)/g, (whole, field: string) => (fields.has(field) ? String(fields.get(field)) : whole))
    .replaceAll(/%[sjdip]/g, (format) => (format === '%s' ? String(args[next++]) : JSON.stringify(args[next++])))
}

const hook =
  (moment: Moment) =>
  (body: Body): void =>
    void current.hooks[moment].push(body)

Object.assign(globalThis, {
  expect,
  describe: Object.assign(describing(false), { skip: describing(true) }),
  test: Object.assign(testing(false), { skip: testing(true), each: each(testing(false)) }),
  beforeAll: hook('beforeAll'),
  beforeEach: hook('beforeEach'),
  afterEach: hook('afterEach'),
  afterAll: hook('afterAll'),
})

export async function run(): Promise<void> {
  await runSuite(root)
  say('end')
}

async function runSuite(suite: Suite): Promise<void> {
  const skipped = suite.skipped
  if (!skipped) for (const body of suite.hooks.beforeAll) await body()
  for (const item of suite.items) await ('items' in item ? runSuite(item) : runCase(suite, item))
  if (skipped) return
  for (const body of suite.hooks.afterAll) await attempt(nameOf(suite, 'after all'), body, false)
}

async function runCase(suite: Suite, { name, body, skipped, timeout }: Case): Promise<void> {
  const whole = nameOf(suite, name)
  if (skipped) return say(`skip ${whole}`)
  await attempt(
    whole,
    async () => {
      const suites = chainOf(suite)
      for (const it of suites) for (const before of it.hooks.beforeEach) await before()
      try {
        await within(timeout, body)
      } finally {
        for (const it of suites.toReversed()) for (const after of it.hooks.afterEach) await after()
      }
    },
    true,
  )
}

async function within(timeout: number, body: Body): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    AbortSignal.timeout(timeout).addEventListener('abort', () => reject(new Error(`it took longer than ${timeout} ms`)))
  })
  await Promise.race([body(), late])
}

async function attempt(name: string, body: Body, tell: boolean): Promise<void> {
  try {
    await body()
    if (tell) say(`ok ${name}`)
  } catch (error) {
    say(
      (error instanceof Error && 'matcherResult' in error ? (error.stack ?? error.message) : inspect(error, { depth: 4 })).replaceAll(
        /^/gm,
        '# ',
      ),
    )
    say(`not ok ${name}`)
  }
}

function chainOf(suite: Suite): Suite[] {
  return [...(suite.parent === undefined ? [] : chainOf(suite.parent)), suite]
}

function nameOf(suite: Suite, name: string): string {
  return [...chainOf(suite).map((it) => it.name), name].filter(Boolean).join(' › ')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
