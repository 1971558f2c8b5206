import { isDate } from 'node:util/types'

import { type Kind, kinds, oneOf, type OptionNames } from '@box/core'
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

/** An image by its name or digest, or as the store gives it. */
const image: Kind = {
  words: 'the name of an image, or an image',
  fits: (value) => typeof value === 'string' || (typeof value === 'object' && value !== null && 'digest' in value),
}
const date: Kind = { words: 'a Date that is one', fits: (value) => isDate(value) && !Number.isNaN(value.getTime()) }
/** Variables and labels: a name and a text each. */
const pairs: Kind = {
  words: 'an object of strings',
  fits: (value) => kinds.object.fits(value) && kinds.texts.fits(Object.values(Object(value))),
}
const upper: Kind = {
  words: "'disk' or an object with the size of a tmpfs",
  fits: (value) => value === 'disk' || (typeof value === 'object' && value !== null && 'tmpfs' in value),
}
const userNamespace: Kind = {
  words: 'a user namespace with its maps',
  fits: (value) => typeof value === 'object' && value !== null && 'fd' in value && 'uidMappings' in value && 'gidMappings' in value,
}
/** What every call that makes something takes. */
const common = { tag: kinds.text, signal: kinds.signal }

export const openOptions: OptionNames<OpenOptions> = {
  create: kinds.flag,
  durability: oneOf('full', 'pull', 'none'),
  keep: oneOf('all', 'unpacked'),
}

export const imageSettings: OptionNames<ImageSettings> = {
  entrypoint: kinds.texts,
  cmd: kinds.texts,
  env: pairs,
  labels: pairs,
  workingDir: kinds.text,
  user: kinds.text,
  exposedPorts: kinds.texts,
  volumes: kinds.texts,
  stopSignal: kinds.text,
  author: kinds.text,
  createdBy: kinds.text,
  comment: kinds.text,
  created: date,
}

export const createOptions: OptionNames<CreateOptions> = {
  from: image,
  add: pairs,
  layers: kinds.objects,
  compression: kinds.text,
  config: kinds.object,
  platform: kinds.object,
  ...common,
}

export const commitOptions: OptionNames<CommitOptions> = { ...imageSettings, compression: kinds.text, ...common }

export const importOptions: OptionNames<ImportOptions> = { format: kinds.text, platform: kinds.object, ...common }

export const exportOptions: OptionNames<ExportOptions> = { format: kinds.text, platform: kinds.object, ...common }

export const mountOptions: OptionNames<MountOptions> = {
  kind: oneOf('overlay', 'copy'),
  readOnly: kinds.flag,
  userNamespace,
  upper,
  platform: kinds.object,
}

export const pruneOptions: OptionNames<PruneOptions> = { dryRun: kinds.flag }

export const verifyOptions: OptionNames<VerifyOptions> = { repair: kinds.flag, signal: kinds.signal }

export const squashOptions: OptionNames<SquashOptions> = {
  from: kinds.number,
  to: kinds.number,
  compression: kinds.text,
  created: date,
  ...common,
}

export const rebaseOptions: OptionNames<RebaseOptions> = { from: image, onto: image, ...common }

export const recompressOptions: OptionNames<RecompressOptions> = { compression: kinds.text, level: kinds.number, ...common }

export const indexOptions: OptionNames<IndexOptions> = { annotations: pairs, ...common }

export const readOptions: OptionNames<{ readonly maxBytes?: number }> = { maxBytes: kinds.number }
export const modeOptions: OptionNames<{ readonly mode?: number }> = { mode: kinds.number }
