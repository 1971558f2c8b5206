import type { Cgroup } from '@box/cgroups'
import { refuseUnknownOptions } from '@box/core'
import type { Image, LayerStore } from '@box/layers'
import type { spawn } from '@box/namespaces'
import type { Registry } from '@box/registry'

import type { Container } from './container.ts'
import { openStore } from './default-store.ts'
import { runtimeParts } from './option-names.ts'
import type { RunOptions, StartOptions } from './options.ts'
import type { RunResult } from './result.ts'
import { runContainer } from './run.ts'
import { startContainer } from './start.ts'

/** The parts that a runtime is made of. Each has a default; each can be another object with the same functions. */
export interface RuntimeParts {
  /** Default: the store of the user who runs this: as root in /var/lib/box/store, otherwise in .local/share/box/store of the home folder. */
  readonly store?: LayerStore | undefined
  /** Default: a client of @box/registry, made at the first pull. */
  readonly registry?: Registry | undefined
  /** Starts the process. Default: `spawn` of @box/namespaces. */
  readonly launch?: typeof spawn | undefined
  /** Makes the cgroup. Default: `Cgroup` of @box/cgroups. */
  readonly cgroups?: Pick<typeof Cgroup, 'create'> | undefined
}

/** A container runtime: functions over one set of parts. */
export interface Runtime {
  /** The store, opened at the first call. */
  store(): Promise<LayerStore>
  /**
   * Starts a command in a new container. Resolves when the program runs.
   * @param image A name, looked for in the store and then at its registry, or an image of the store.
   * @param command The command and its arguments. Default: the image's. An entrypoint stays in front of it.
   * @throws BoxError `ERR_BOX_NOT_FOUND` for an image that is nowhere, `ERR_BOX_COMMAND_NOT_FOUND`, `ERR_BOX_CGROUP_UNSUPPORTED`,
   * `ERR_BOX_PERMISSION` with the step that lacks a privilege, and what pulling throws.
   */
  start(image: string | Image, command?: readonly string[], options?: StartOptions): Promise<Container>
  /**
   * Runs a command to its end and collects its output; nothing of the container is left afterwards.
   * @throws RunError where the command does not end with exit code 0, unless `check` is false; and what `start` throws.
   */
  run(image: string | Image, command?: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Closes the store where the runtime has opened it. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a runtime of the given parts; nothing is opened or connected before it is used. */
export function createRuntime(parts: RuntimeParts = {}): Runtime {
  refuseUnknownOptions('a runtime', parts, runtimeParts)
  let own: Promise<LayerStore> | undefined
  const store = async (): Promise<LayerStore> => parts.store ?? (await (own ??= openStore()))
  const resolved = { ...parts, store }
  const close = async (): Promise<void> => {
    const opened = own
    own = undefined
    await (await opened)?.close()
  }
  return {
    store,
    start: (image, command, options) => startContainer(resolved, image, command, options),
    run: (image, command, options) => runContainer(resolved, image, command, options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const shared = createRuntime()

/** `Runtime.start` over the default parts. */
export const start: Runtime['start'] = (image, command, options) => shared.start(image, command, options)

/** `Runtime.run` over the default parts. */
export const run: Runtime['run'] = (image, command, options) => shared.run(image, command, options)
