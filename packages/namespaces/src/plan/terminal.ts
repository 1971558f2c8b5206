import { refuseUnknownOptions } from '@box/core'
import { standardMounts } from '../mounts.ts'
import { terminalOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { Draft } from './draft.ts'
import { invalid, whole } from './invalid.ts'
import type { Namespaces } from './namespaces.ts'

/** What a terminal is like of which nothing is said. */
const defaultSize = { columns: 80, rows: 24 }

/** The size that is asked for; undefined where no terminal is. */
export function terminalSize({ terminal }: SpawnOptions): { readonly columns: number; readonly rows: number } | undefined {
  if (terminal === undefined || terminal === false) return undefined
  if (terminal !== true) refuseUnknownOptions('terminal', terminal, terminalOptions)
  const { columns, rows } = terminal === true ? defaultSize : { ...defaultSize, ...terminal }
  return { columns: whole('terminal.columns', columns, 1, 0xffff), rows: whole('terminal.rows', rows, 1, 0xffff) }
}

/** The step that makes the terminal: of the process's own devpts where it mounts one, and bound to /dev/console in a root of its own. */
export function compileTerminal(options: SpawnOptions, namespaces: Namespaces, draft: Draft): void {
  const size = terminalSize(options)
  if (size === undefined) return
  const mounts = namespaces.fresh.has('mount') ? (options.mounts ?? (options.root === undefined ? [] : standardMounts)) : []
  const own = mounts.some((mount) => mount.type === 'devpts' && mount.target === '/dev/pts')
  if (options.root !== undefined && !own) throw invalid('terminal', true, 'possible without a devpts at /dev/pts among the mounts')
  const console = options.root === undefined ? undefined : '/dev/console'
  draft.add({ do: 'terminal', own, ...size, owner: options.user?.uid, console })
}
