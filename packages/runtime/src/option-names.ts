import type { OptionNames } from '@box/core'

import type { ExecOptions, StartOptions } from './options.ts'

/** The options of `start`; those of `run` are these and three of its own, which it takes out first. */
export const startOptions: OptionNames<StartOptions> = {
  env: true,
  cwd: true,
  user: true,
  entrypoint: true,
  hostname: true,
  limits: true,
  network: true,
  mounts: true,
  readOnly: true,
  userns: true,
  capabilities: true,
  init: true,
  stdio: true,
  terminal: true,
  descriptors: true,
  rlimits: true,
  seccomp: true,
  onSystemCall: true,
  landlock: true,
  scheduler: true,
  ioPriority: true,
  cpuAffinity: true,
  memoryPolicy: true,
  personality: true,
  sessionKeyring: true,
  timeout: true,
  signal: true,
  platform: true,
  pull: true,
}

export const execOptions: OptionNames<ExecOptions> = {
  env: true,
  cwd: true,
  user: true,
  stdio: true,
  terminal: true,
  descriptors: true,
  rlimits: true,
  cpuAffinity: true,
  timeout: true,
  signal: true,
}
