import { open } from 'node:fs/promises'
import type { Change } from '../mounted-root.ts'
import type { OpaqueMark } from './overlay-root.ts'
import { nativeCall } from '../native.ts'

const kinds = { add: 'added', modify: 'modified', delete: 'removed', replace: 'modified' } as const

/** What an upper folder changes in what lies below it. */
export async function changesOf(upper: number, lowers: readonly string[], marks: OpaqueMark): Promise<readonly Change[]> {
  const folders = await Promise.all(lowers.map((path) => open(path, 'r')))
  try {
    const found = await nativeCall((core) =>
      core.changes(
        upper,
        folders.map(({ fd }) => fd),
        marks,
      ),
    )
    return found.map(({ kind, path }) => ({ kind: kinds[kind], path: `/${path}` }))
  } finally {
    await Promise.all(folders.map((handle) => handle.close()))
  }
}
