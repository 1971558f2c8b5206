import { BoxError, type ProcessTarget } from '@box/core'
import { native } from '@box/native'
import { closeSync } from 'node:fs'
import type { NamespaceKind, NamespaceTarget } from './options.ts'
import { invalid, text, whole } from './plan/invalid.ts'
import { callNative, callNativeAsync } from './reactor.ts'

/** The kinds of namespace, in the order in which they are listed. */
export const namespaceKinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time']

/** Descriptors of handles that nobody has closed. */
const forgotten = new FinalizationRegistry<Held>(release)

interface Held {
  fd: number | undefined
}

/**
 * A namespace held by a descriptor (namespaces(7)). It is there until it is closed, and as long as a process is in it or it is pinned. It can be
 * given wherever a namespace is joined.
 */
export class Namespace implements NamespaceTarget {
  readonly kind: NamespaceKind
  /** Its inode number: two handles with the same kind and id are of one namespace. */
  readonly id: number
  /** Of a user namespace: the effective user id of who made it, as the caller sees it (NS_GET_OWNER_UID, ioctl_ns(2)). */
  readonly ownerUid: number | undefined
  readonly #held: Held

  /** @internal */
  constructor(fd: number) {
    this.#held = { fd }
    try {
      const { kind, id, ownerUid } = callNative(() => native().describeNamespace(fd))
      this.kind = kind
      this.id = id
      this.ownerUid = ownerUid
    } catch (error) {
      release(this.#held)
      throw error
    }
    forgotten.register(this, this.#held)
  }

  /**
   * The namespace at a path: `/proc/PID/ns/net`, or where one is pinned.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` where something else is there, `ERR_BOX_PERMISSION`.
   */
  static async open(path: string): Promise<Namespace> {
    text('path', path)
    return new Namespace(await callNativeAsync(() => native().openNamespace(path)))
  }

  /**
   * A namespace of a process: of a handle, or of whoever has that id now.
   * @throws BoxError `ERR_BOX_STATE` where it has ended, `ERR_BOX_PERMISSION` for one that the caller may not look into
   * (PTRACE_MODE_READ, ptrace(2)), `ERR_BOX_UNSUPPORTED` for a kind that the kernel does not have.
   */
  static async of(process: ProcessTarget | number, kind: NamespaceKind): Promise<Namespace> {
    return typeof process === 'number'
      ? new Namespace(callNative(() => native().namespaceOf(checkedKind(kind), whole('process', process, 1, 0x7fff_ffff))))
      : namespaceOf(process, kind)
  }

  /** A namespace of the caller's own. @throws BoxError `ERR_BOX_UNSUPPORTED` for a kind that the kernel does not have. */
  static async own(kind: NamespaceKind): Promise<Namespace> {
    return new Namespace(callNative(() => native().namespaceOf(checkedKind(kind))))
  }

  /**
   * Ends what `pin` has begun, and removes the file. Who is in the namespace, or holds it, is not concerned.
   * @throws BoxError `ERR_BOX_STATE` where no namespace is pinned, `ERR_BOX_NOT_FOUND`, `ERR_BOX_PERMISSION`.
   */
  static async unpin(path: string): Promise<void> {
    text('path', path)
    await callNativeAsync(() => native().unpinNamespace(path))
  }

  /** It stays the handle's own. @throws BoxError `ERR_BOX_STATE` after `close`. */
  get fd(): number {
    const { fd } = this.#held
    if (fd === undefined) throw new BoxError('ERR_BOX_STATE', `the handle of this ${this.kind} namespace is closed`)
    return fd
  }

  /**
   * The user namespace that it belongs to; of a user namespace its parent (NS_GET_USERNS). undefined where that is outside of the caller's own.
   * The handle is the caller's to close. @throws BoxError `ERR_BOX_STATE` after `close`.
   */
  async owner(): Promise<Namespace | undefined> {
    return this.#related('owner')
  }

  /**
   * The namespace above a user or pid namespace (NS_GET_PARENT). undefined for other kinds, and where that is outside of the caller's own.
   * The handle is the caller's to close. @throws BoxError `ERR_BOX_STATE` after `close`.
   */
  async parent(): Promise<Namespace | undefined> {
    return this.#related('parent')
  }

  #related(which: 'owner' | 'parent'): Namespace | undefined {
    const { fd } = this
    const related = callNative(() => native().relatedNamespace(fd, which))
    // Node-API gives null for what is not there.
    return typeof related === 'number' ? new Namespace(related) : undefined
  }

  /**
   * Keeps it at a path, with or without a process in it and also after the caller's end, by a bind mount in the caller's mount namespace,
   * as `ip netns` does below /run/netns. A file that is missing is made. Needs CAP_SYS_ADMIN. A mount namespace can be kept only in an older one.
   * @throws BoxError `ERR_BOX_STATE` where one is pinned there already or after `close`, `ERR_BOX_INVALID_ARGUMENT` where no ordinary file is
   * there, `ERR_BOX_NOT_FOUND` for a folder that is missing, `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM`.
   */
  async pin(path: string): Promise<void> {
    const { fd } = this
    text('path', path)
    await callNativeAsync(() => native().pinNamespace(fd, path))
  }

  /** Closes the descriptor. Idempotent. */
  async close(): Promise<void> {
    this.release()
  }

  /** @internal */
  release(): void {
    release(this.#held)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function release(held: Held): void {
  if (held.fd === undefined) return
  const { fd } = held
  held.fd = undefined
  closeSync(fd)
}

function namespaceOf(process: ProcessTarget, kind: NamespaceKind): Namespace {
  if (typeof process !== 'object' || process === null) throw invalid('process', process, 'a process, or its id')
  const [pid, pidfd] = [whole('process.pid', process.pid, 1, 0x7fff_ffff), whole('process.pidfd', process.pidfd, 0, 0x7fff_ffff)]
  return new Namespace(callNative(() => native().namespaceOf(checkedKind(kind), pid, pidfd)))
}

function checkedKind(kind: NamespaceKind): NamespaceKind {
  if (!namespaceKinds.includes(kind)) throw invalid('kind', kind, `one of ${namespaceKinds.join(', ')}`)
  return kind
}

/** The namespaces of a process, each opened when it is asked for. They are closed with the handle of the process. */
export type ProcessNamespaces = { readonly [Kind in NamespaceKind]: Namespace }

/** Opens the namespaces of a process when they are asked for, and once. */
export class OpenNamespaces implements ProcessNamespaces {
  readonly #process: ProcessTarget
  readonly #opened = new Map<NamespaceKind, Namespace>()

  constructor(process: ProcessTarget) {
    this.#process = process
  }

  get user(): Namespace {
    return this.#open('user')
  }
  get pid(): Namespace {
    return this.#open('pid')
  }
  get mount(): Namespace {
    return this.#open('mount')
  }
  get uts(): Namespace {
    return this.#open('uts')
  }
  get ipc(): Namespace {
    return this.#open('ipc')
  }
  get network(): Namespace {
    return this.#open('network')
  }
  get cgroup(): Namespace {
    return this.#open('cgroup')
  }
  get time(): Namespace {
    return this.#open('time')
  }

  #open(kind: NamespaceKind): Namespace {
    const opened = this.#opened.get(kind) ?? namespaceOf(this.#process, kind)
    this.#opened.set(kind, opened)
    return opened
  }

  release(): void {
    for (const namespace of this.#opened.values()) namespace.release()
  }
}
