import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A program beside this file, running in a process of its own. */
export interface Program {
  readonly process: ChildProcess
  /** The next line that it writes, read as JSON. Rejects with what it wrote to stderr, where it ends without one. */
  line(): Promise<unknown>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

const folder = join(process.cwd(), 'packages/layers/test/programs')

/** Starts `name` with arguments; as another user where one is given. */
export function start(name: string, args: readonly string[], user?: { readonly uid: number; readonly gid: number }): Program {
  const hooks = pathToFileURL(join(folder, 'typescript.mjs')).href
  const flags = ['--conditions=@box/source', '--disable-warning=ExperimentalWarning', '--import', hooks, join(folder, name)]
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
    ...user,
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const lines: string[] = []
  const waiting: (() => void)[] = []
  let rest = ''
  let closed = false
  const wake = (): void => {
    for (const resume of waiting.splice(0)) resume()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake()
  })
  const ended = new Promise<number | string | null>((resolve) => {
    child.once('close', (code, signal) => {
      closed = true
      wake()
      resolve(code ?? signal)
    })
  })
  const line = async (): Promise<unknown> => {
    while (lines.length === 0) {
      if (closed) throw new Error(`${name} ended: ${errors}`)
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    }
    return JSON.parse(lines.shift() ?? 'null')
  }
  return { process: child, line, ended }
}

/** Whether a user who owns nothing here can read the sources. */
export function canBeReadByAll(): boolean {
  try {
    accessSync(folder, constants.R_OK)
    for (let path = folder; path !== '/'; path = dirname(path)) if ((statSync(path).mode & 0o005) !== 0o005) return false
    return true
  } catch {
    return false
  }
}
