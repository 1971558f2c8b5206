import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A program beside this file, running in a process of its own. */
export interface Program {
  readonly process: ChildProcess
  /** The next line that it writes, read as JSON. Rejects with what it wrote to stderr, where it ends without one. */
  line(): Promise<unknown>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

const programs = 'packages/layers/test/programs'

/** Binds what programs need of the repository to where everyone can go, and then becomes another user: a checkout may be closed to others. */
const become = `set -e
mount -t tmpfs -o mode=0755 tmpfs /mnt
for part in node_modules packages rust-native; do
  mkdir "/mnt/$part"
  mount --bind "$1/$part" "/mnt/$part"
done
if [ -n "$4" ]; then mount -t overlay overlay -o "lowerdir=$4:/etc" /etc; fi
user=$2 group=$3
eval "$5"
shift 5
exec $enter setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"`

/** Who a program runs as. */
export interface ProgramUser {
  readonly uid: number
  readonly gid: number
  /** A folder whose files lie over those of /etc, for the program alone. */
  readonly etc?: string
  /** What a shell does first as root, in a mount namespace of the program's own; `enter` may be a command that goes before the program. */
  readonly before?: string
}

/** Starts `name` with arguments; as another user where one is given. */
export function start(name: string, args: readonly string[], user?: ProgramUser): Program {
  const command = (top: string): string[] => {
    const hooks = pathToFileURL(join(top, programs, 'typescript.mjs')).href
    const flags = ['--conditions=@box/source', '--disable-warning=ExperimentalWarning', '--import', hooks]
    return [process.execPath, ...flags, join(top, programs, name), ...args]
  }
  const [program = '', ...given] =
    user === undefined
      ? command(process.cwd())
      : [
          'unshare',
          '--mount',
          'sh',
          '-c',
          become,
          'sh',
          process.cwd(),
          `${user.uid}`,
          `${user.gid}`,
          user.etc ?? '',
          user.before ?? '',
          ...command('/mnt'),
        ]
  const child = spawn(program, given, { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } })
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
