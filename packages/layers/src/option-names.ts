import type { OptionNames } from '@box/core'
import type {
  CommitOptions,
  CreateOptions,
  ExportOptions,
  ImageSettings,
  ImportOptions,
  IndexOptions,
  MountOptions,
  OpenOptions,
  PruneOptions,
  RebaseOptions,
  RecompressOptions,
  SquashOptions,
  VerifyOptions,
} from './options.ts'

export const openOptions: OptionNames<OpenOptions> = {
  create: true,
  durability: true,
  keep: true,
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
  layers: true,
  compression: true,
  config: true,
  platform: true,
  tag: true,
  signal: true,
}

export const commitOptions: OptionNames<CommitOptions> = { ...imageSettings, compression: true, tag: true, signal: true }

export const importOptions: OptionNames<ImportOptions> = { format: true, tag: true, platform: true, signal: true }

export const exportOptions: OptionNames<ExportOptions> = { format: true, platform: true, tag: true, signal: true }

export const mountOptions: OptionNames<MountOptions> = { kind: true, readOnly: true, userNamespace: true, upper: true, platform: true }

export const pruneOptions: OptionNames<PruneOptions> = { dryRun: true }

export const verifyOptions: OptionNames<VerifyOptions> = { repair: true, signal: true }

export const squashOptions: OptionNames<SquashOptions> = { from: true, to: true, compression: true, created: true, tag: true, signal: true }

export const rebaseOptions: OptionNames<RebaseOptions> = { from: true, onto: true, tag: true, signal: true }

export const recompressOptions: OptionNames<RecompressOptions> = { compression: true, level: true, tag: true, signal: true }

export const indexOptions: OptionNames<IndexOptions> = { tag: true, annotations: true, signal: true }
