import type { Cgroup, Stats } from '@box/cgroups'
import { BoxError, type ProcessTarget } from '@box/core'
import type { Image, MountedRoot } from '@box/layers'
import type { Process, ProcessNamespaces, Terminal } from '@box/namespaces'
import type { Readable, Writable } from 'node:stream'

import { execIn, type Confinement } from './exec.ts'
import type { ExecOptions } from './options.ts'
import type { Releases } from './releases.ts'
import type { Exit } from './result.ts'

/** A container that was started. Its root and its cgroup are there until `close()`. */
export class Container implements ProcessTarget {
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly image: Image
  /** What runs as process 1, with its arguments. */
  readonly command: readonly string[]
  /** The container's file tree, as the host may use it: read, write, list the changes, commit. */
  readonly root: MountedRoot
  /** The cgroup, or undefined where none was asked for and none could be made. */
  readonly cgroup: Cgroup | undefined
  /** How it ended. Never rejects. */
  readonly exited: Promise<Exit>
  readonly #process: Process
  readonly #releases: Releases
  readonly #confinement: Confinement

  constructor(parts: {
    readonly id: string
    readonly image: Image
    readonly command: readonly string[]
    readonly root: MountedRoot
    readonly cgroup: Cgroup | undefined
    readonly process: Process
    readonly started: number
    readonly releases: Releases
    readonly confinement: Confinement
  }) {
    this.id = parts.id
    this.image = parts.image
    this.command = parts.command
    this.root = parts.root
    this.cgroup = parts.cgroup
    this.#process = parts.process
    this.#releases = parts.releases
    this.#confinement = parts.confinement
    this.exited = exitOf(parts.process, parts.cgroup, parts.started)
  }

  /** Process 1 of the container, as the caller sees it. */
  get pid(): number {
    return this.#process.pid
  }

  get pidfd(): number {
    return this.#process.pidfd
  }

  /** Its namespaces, to join or to pin, each opened when it is asked for; they are closed with the container. As `Process.namespaces`. */
  get namespaces(): ProcessNamespaces {
    return this.#process.namespaces
  }

  /** The container's terminal, where one was asked for. */
  get terminal(): Terminal | undefined {
    return this.#process.terminal
  }

  get stdin(): Writable {
    return this.#process.stdin
  }

  get stdout(): Readable {
    return this.#process.stdout
  }

  get stderr(): Readable {
    return this.#process.stderr
  }

  /** Sends a signal to process 1 (default `SIGTERM`). Gives false where it has ended already. */
  kill(signal?: NodeJS.Signals | number): boolean {
    return this.#process.kill(signal)
  }

  /**
   * Starts another command in the container: in the same namespaces, root and cgroup, with the same capabilities, filter and
   * no_new_privs. It ends with the container. Resolves when the program runs.
   * @throws BoxError `ERR_BOX_STATE` where process 1 has ended, `ERR_BOX_COMMAND_NOT_FOUND`, `ERR_BOX_NOT_FOUND` for a user or a working
   * directory that is not there.
   */
  async exec(command: readonly string[], options?: ExecOptions): Promise<Process> {
    this.#requireFirst()
    try {
      return await execIn(this.#process, this.#confinement, command, options)
    } catch (error) {
      this.#requireFirst(error)
      throw error
    }
  }

  #requireFirst(cause?: unknown): void {
    // A pid namespace whose process 1 is ending takes no other: clone(2) is ENOMEM (pid_namespaces(7)).
    const ending = cause instanceof BoxError && cause.syscall === 'clone3' && cause.errno === 'ENOMEM'
    if (this.#process.kill(0) && !ending) return
    throw new BoxError('ERR_BOX_STATE', `the container ${this.id.slice(0, 12)} has ended`, { cause })
  }

  /** What the container has used so far; undefined where it has no cgroup. @throws BoxError `ERR_BOX_STATE` after `close()`. */
  async stats(): Promise<Stats | undefined> {
    return await this.cgroup?.stats()
  }

  /** Kills what still runs, then gives back the cgroup, the root with all that was written to it, and the ids. Idempotent. */
  close(): Promise<void> {
    return this.#releases.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The cgroup is read when the first process has ended and before the group can be removed. */
async function exitOf(process: Process, cgroup: Cgroup | undefined, started: number): Promise<Exit> {
  const result = await process.exited
  const durationMs = performance.now() - started
  const stats = await cgroup?.stats().catch(() => undefined)
  return {
    ...result,
    durationMs,
    oomKilled: (stats?.memory.oomKills ?? 0) > 0,
    peakMemory: stats?.memory.peak ?? result.maxRss,
  }
}
