import { BoxError, refuseUnknownOptions, type UserNamespaceTarget } from '@box/core'
import { close, closeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Image } from '../image.ts'
import type { Change, MountedRoot, Usage } from '../mounted-root.ts'
import { nativeCallIn } from '../native.ts'
import { modeOptions } from '../option-names.ts'
import { limitOf, type ReadRequest } from '../reading.ts'
import type { Mounted } from './overlay.ts'
import type { Written } from './written.ts'

const closeDescriptor = promisify(close)

/** What a mounted root consists of. Whoever makes a root of it hands all of it over. */
export interface RootParts extends Mounted {
  readonly kind: MountedRoot['kind']
  readonly image: Image
  /** Where writes go; nothing for a root that cannot be written. */
  readonly written: Written | undefined
  /** Files that are made belong to the owner of the root's id 0 by themselves: no ids are mapped outside. */
  readonly ownIds: boolean
  /** The user namespace of the store, whose ids those of the root are. */
  readonly ids: UserNamespaceTarget | undefined
  /** Called once the mount is given back. */
  readonly closed: () => Promise<void>
}

/** A root of an image's layers. */
export class LayeredRoot implements MountedRoot {
  readonly image: Image
  readonly userNamespace: UserNamespaceTarget | undefined
  readonly #parts: RootParts
  #closing: Promise<void> | undefined

  constructor(parts: RootParts) {
    this.#parts = parts
    this.image = parts.image
    this.userNamespace = parts.userNamespace
  }

  get fd(): number {
    return this.#open().fd
  }

  get readOnly(): boolean {
    return this.#parts.written === undefined
  }

  get kind(): MountedRoot['kind'] {
    return this.#parts.kind
  }

  get upperKind(): 'none' | 'disk' | 'tmpfs' {
    return this.#parts.written?.kind ?? 'none'
  }

  /** What it consists of, for a commit. @throws BoxError `ERR_BOX_STATE` */
  parts(): RootParts {
    return this.#open()
  }

  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Buffer>
  readFile(path: string, encoding: 'utf8'): Promise<string>
  async readFile(path: string, given: ReadRequest = {}): Promise<Buffer | string> {
    const limit = limitOf(given)
    const content = await nativeCallIn(this.#parts.ids, (core) => core.rootReadFile(this.fd, pathInside(path), limit))
    return typeof given === 'string' ? content.toString(given) : content
  }

  async writeFile(path: string, content: string | Uint8Array, options: { readonly mode?: number } = {}): Promise<void> {
    refuseUnknownOptions('writeFile', options, modeOptions)
    if (typeof content !== 'string' && !ArrayBuffer.isView(content))
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'writeFile: the content is neither a string nor bytes')
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    await nativeCallIn(this.#parts.ids, (core) =>
      core.rootWriteFile(this.fd, pathInside(path), bytes, modeOf(options.mode ?? 0o644), this.#owner()),
    )
  }

  async mkdir(path: string, options: { readonly mode?: number } = {}): Promise<void> {
    refuseUnknownOptions('mkdir', options, modeOptions)
    await nativeCallIn(this.#parts.ids, (core) =>
      core.rootMakeFolder(this.fd, pathInside(path), modeOf(options.mode ?? 0o755), this.#owner()),
    )
  }

  async readdir(path: string): Promise<string[]> {
    return await nativeCallIn(this.#parts.ids, (core) => core.rootList(this.fd, pathInside(path)))
  }

  async readlink(path: string): Promise<string> {
    return await nativeCallIn(this.#parts.ids, (core) => core.rootReadLink(this.fd, pathInside(path)))
  }

  async symlink(target: string, path: string): Promise<void> {
    await nativeCallIn(this.#parts.ids, (core) => core.rootMakeLink(this.fd, pathInside(target), pathInside(path), this.#owner()))
  }

  async remove(path: string): Promise<void> {
    await nativeCallIn(this.#parts.ids, (core) => core.rootRemove(this.fd, pathInside(path), this.#owner()))
  }

  async *changes(): AsyncGenerator<Change, void, void> {
    const { written } = this.#open()
    if (written !== undefined) yield* await written.changes()
  }

  async usage(): Promise<Usage> {
    return (await this.#open().written?.usage()) ?? { bytes: 0, inodes: 0 }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const { fd, userNamespace, ownsNamespace, written, closed } = this.#parts
    try {
      await closeDescriptor(fd)
      // The mount's own descriptor was the last that could take long.
      if (ownsNamespace && userNamespace !== undefined) closeSync(userNamespace.fd)
      await written?.close()
    } finally {
      await closed()
    }
  }

  #open(): RootParts {
    if (this.#closing !== undefined) throw new BoxError('ERR_BOX_STATE', 'the root is closed')
    return this.#parts
  }

  /** The ids, outside, of the root's id 0: what is made in a root with mapped ids belongs to it. */
  #owner(): { uid: number; gid: number } | undefined {
    const { userNamespace, ownIds } = this.#parts
    // Mounted inside the namespace, the owner is the caller; mounted outside, with mapped layers, it is whom the map says.
    if (userNamespace === undefined || ownIds) return undefined
    return { uid: hostId(userNamespace.uidMappings), gid: hostId(userNamespace.gidMappings) }
  }
}

function hostId(mappings: UserNamespaceTarget['uidMappings']): number {
  const mapping = mappings.find(({ containerId, size }) => containerId === 0 && size > 0)
  if (mapping === undefined) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'the user namespace has no id 0')
  return mapping.hostId
}

function pathInside(path: string): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(path)} is not a path: expected one or more characters without NUL`)
}

function modeOf(mode: number): number {
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777) return mode
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${mode} is not a file mode: expected 0 to 0o7777`)
}
