import type { OptionNames } from '@box/core'
import type {
  CommitOptions,
  CreateOptions,
  ExportOptions,
  ImageSettings,
  ImportOptions,
  MountOptions,
  OpenOptions,
  PruneOptions,
} from './options.ts'

export const openOptions: OptionNames<OpenOptions> = {
  create: true,
  durability: true,
}

export const imageSettings: OptionNames<ImageSettings> = {
  entrypoint: true,
  cmd: true,
  env: true,
  labels: true,
  workingDir: true,
  user: true,
  exposedPorts: true,
  volumes: true,
  stopSignal: true,
  author: true,
  createdBy: true,
  comment: true,
  created: true,
}

export const createOptions: OptionNames<CreateOptions> = {
  from: true,
  add: true,
  config: true,
  platform: true,
  tag: true,
  signal: true,
}

export const commitOptions: OptionNames<CommitOptions> = { ...imageSettings, tag: true, signal: true }

export const importOptions: OptionNames<ImportOptions> = { format: true, tag: true, platform: true, signal: true }

export const exportOptions: OptionNames<ExportOptions> = { format: true, platform: true, tag: true, signal: true }

export const mountOptions: OptionNames<MountOptions> = { readOnly: true, userNamespace: true, upper: true, platform: true }

export const pruneOptions: OptionNames<PruneOptions> = { dryRun: true }
