import type { RuntimeConfig, RuntimeProcess } from '@box/oci'

import type { ExecOptions, StartOptions } from './options.ts'
import { surroundingsOf } from './spec/linux.ts'
import { identityOf } from './spec/process.ts'
import { processorsOf, schedulingOf } from './spec/scheduling.ts'

/** A process as a configuration says it: its words, and options of `start` and of `exec`. */
export interface ProcessOptions {
  /** `args`; undefined where the configuration has no process. */
  readonly command: readonly string[] | undefined
  readonly start: StartOptions
  readonly exec: Pick<ExecOptions, 'cpuAffinity'>
}

/**
 * What `process` and `linux` of a configuration of the runtime specification say (config.md, "Process"; config-linux.md). Every field of theirs
 * is an option here, or refused: those that name the container's own ids, group, clocks or interfaces, and those of security modules. What
 * else a configuration has (`root`, `mounts`, `hostname`, `hooks`) is of the container's files and life, and is not read.
 *
 * Without `linux.namespaces` nothing is said of them: `start` has its defaults. Of the environment the image's variables remain beneath. A
 * command that is started with `exec` is born in the container's cgroup: `execCPUAffinity.initial`, of the time before it is in there, holds
 * for nothing. `listenerPath` is the agent of `onSystemCall`; its state has no `bundle` and no `annotations` unless they are added to that.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` for what cannot be had, with what to do instead; `ERR_BOX_INVALID_ARGUMENT` for a variable without
 * "=", a resource limit that is there twice, and a list of processors or nodes that is none.
 */
export function processOptionsFromSpec(config: Partial<Pick<RuntimeConfig, 'process' | 'linux'>>): ProcessOptions {
  const process: Partial<RuntimeProcess> = config.process ?? {}
  const linux = config.linux ?? {}
  return {
    command: process.args,
    start: { ...surroundingsOf(linux), ...identityOf(process), ...schedulingOf(process, linux) },
    exec: { cpuAffinity: processorsOf(process) },
  }
}
