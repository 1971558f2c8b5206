import { kinds, oneOf, type OptionNames } from '@box/core'

import type { ExecOptions, RunOptions, StartOptions } from './options.ts'
import type { RuntimeParts } from './runtime.ts'

/** The options of `start`; those of `run` are these and three of its own. */
export const startOptions: OptionNames<StartOptions> = {
  env: kinds.object,
  cwd: kinds.text,
  user: kinds.text,
  entrypoint: kinds.texts,
  hostname: kinds.text,
  domainname: kinds.text,
  sysctls: kinds.object,
  limits: kinds.object,
  network: oneOf('none', 'host'),
  mounts: kinds.objects,
  devices: kinds.objects,
  maskedPaths: kinds.texts,
  readOnlyPaths: kinds.texts,
  rootPropagation: true,
  readOnly: kinds.flag,
  userns: oneOf('auto', 'host'),
  capabilities: true,
  noNewPrivileges: kinds.flag,
  additionalGids: kinds.numbers,
  umask: kinds.number,
  init: kinds.flag,
  stdio: true,
  terminal: true,
  descriptors: kinds.object,
  rlimits: kinds.object,
  oomScoreAdj: kinds.number,
  seccomp: kinds.object,
  onSystemCall: true,
  landlock: kinds.object,
  scheduler: true,
  ioPriority: true,
  cpuAffinity: kinds.numbers,
  memoryPolicy: true,
  personality: true,
  sessionKeyring: true,
  timeout: kinds.number,
  signal: kinds.signal,
  platform: kinds.object,
  pull: oneOf('missing', 'always', 'never'),
}

export const execOptions: OptionNames<ExecOptions> = {
  env: kinds.object,
  cwd: kinds.text,
  user: kinds.text,
  stdio: true,
  terminal: true,
  descriptors: kinds.object,
  rlimits: kinds.object,
  cpuAffinity: kinds.numbers,
  timeout: kinds.number,
  signal: kinds.signal,
}

/** What `run` has beside the options of `start`. */
export const outputOptions: OptionNames<Pick<RunOptions, 'input' | 'check' | 'maxOutput'>> = {
  input: { words: 'a string or bytes', fits: (value) => typeof value === 'string' || value instanceof Uint8Array },
  check: kinds.flag,
  maxOutput: true,
}

export const runtimeParts: OptionNames<RuntimeParts> = {
  store: kinds.object,
  registry: kinds.object,
  launch: kinds.function,
  cgroups: { words: 'an object with create()', fits: (value) => typeof value === 'function' || kinds.object.fits(value) },
}
