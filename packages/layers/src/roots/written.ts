import type { UserNamespaceTarget } from '@box/core'
import type { native } from '@box/native'
import { close, closeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Change, Usage } from '../mounted-root.ts'
import { nativeCallIn } from '../native.ts'

type Binding = ReturnType<typeof native>
type PackOptions = NonNullable<Parameters<Binding['packUpper']>[3]>
type Packed = Awaited<ReturnType<Binding['packUpper']>>
type CopiedTree = Awaited<ReturnType<Binding['copyLayers']>>

const closeDescriptor = promisify(close)

/** What was written to a root. */
export interface Written {
  /** Where it is. */
  readonly kind: 'disk' | 'tmpfs'
  /** In the order of the paths. */
  changes(): Promise<readonly Change[]>
  usage(): Promise<Usage>
  /** Writes it as a layer to a file, from its position on. */
  pack(output: number, options: PackOptions): Promise<Packed>
  /** Gives the descriptors back. */
  close(): Promise<void>
}

/** In which attributes an overlay keeps its marks: what the others say was written by programs, or copied up. */
export type OpaqueMark = 'trusted' | 'user'

/** The folder that is written to. */
export interface Upper {
  readonly kind: 'disk' | 'tmpfs'
  readonly fd: number
  /** A descriptor of the folder that holds it. In memory, it keeps the file system alive. */
  readonly owner: number
  readonly marks: OpaqueMark
  /** The user namespace whose ids the owners are, where that is not the process's own. */
  readonly ids: UserNamespaceTarget | undefined
}

/** What an overlay wrote: its upper folder alone says it. `lowers` are the trees of the layers, the uppermost first. */
export function writtenToUpper({ kind, fd, owner, marks, ids }: Upper, lowers: readonly string[]): Written {
  return {
    kind,
    changes: async () => {
      const folders = await Promise.all(lowers.map((path) => open(path, 'r')))
      try {
        const below = folders.map((folder) => folder.fd)
        return (await nativeCallIn(ids, (core) => core.changes(fd, below, marks))).map(asChange)
      } finally {
        await Promise.all(folders.map((handle) => handle.close()))
      }
    },
    usage: () => nativeCallIn(ids, (core) => core.measureTree(fd)),
    pack: (output, options) => nativeCallIn(ids, (core) => core.packUpper(fd, output, marks, options)),
    close: async () => {
      closeSync(fd)
      await closeDescriptor(owner)
    },
  }
}

/** What was written to a copy of layers: what it has, and they have not. `fd` is the folder of the copy. */
export function writtenToCopy({ kind, fd, owner, ids }: Omit<Upper, 'marks'>, copy: CopiedTree, lowers: readonly string[]): Written {
  const layers = [...lowers]
  return {
    kind,
    changes: async () => (await nativeCallIn(ids, () => copy.changes(fd, layers))).map(asChange),
    usage: () => nativeCallIn(ids, () => copy.usage(fd, layers)),
    pack: (output, options) => nativeCallIn(ids, () => copy.pack(fd, layers, output, options)),
    close: async () => {
      closeSync(fd)
      await closeDescriptor(owner)
    },
  }
}

const kinds = { add: 'added', modify: 'modified', delete: 'removed', replace: 'modified' } as const

function asChange({ kind, path }: Awaited<ReturnType<Binding['changes']>>[number]): Change {
  return { kind: kinds[kind], path: `/${path}` }
}
