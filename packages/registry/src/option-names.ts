import type { OptionNames } from '@box/core'
import type { ShortNames } from './config/short-names.ts'
import type { EgressOptions } from './egress/egress.ts'
import type { RetryOptions } from './http/retry.ts'
import type { RegistryOptions } from './registry.ts'
import type { ServeLimits } from './server/limits.ts'
import type { ServeOptions } from './server/serve.ts'
import type { CopyOptions } from './transfer/copy.ts'
import type { CopyHooks } from './transfer/hooks.ts'
import type { CosignOptions } from './verify/cosign.ts'

export const registryOptions: OptionNames<RegistryOptions> = {
  auth: true,
  certs: true,
  insecure: true,
  mirrors: true,
  rules: true,
  shortNames: true,
  proxy: true,
  egress: true,
  retry: true,
  uploads: true,
  perRegistry: true,
  policy: true,
}

export const copyOptions: OptionNames<CopyOptions> = {
  foreignLayers: true,
  platform: true,
  concurrency: true,
  chunkSize: true,
  format: true,
  hooks: true,
  signal: true,
}

export const copyHooks: OptionNames<CopyHooks> = { before: true, after: true }

export const egressOptions: OptionNames<EgressOptions> = {
  allow: true,
  privateRegistries: true,
  realms: true,
  connectTimeout: true,
  idleTimeout: true,
}

export const cosignOptions: OptionNames<CosignOptions> = { keys: true, identity: true, annotations: true }

export const shortNamesOptions: OptionNames<ShortNames> = { aliases: true, search: true, mode: true }

export const retryOptions: OptionNames<RetryOptions> = { attempts: true, delay: true, maxDelay: true }

export const serveOptions: OptionNames<ServeOptions> = {
  host: true,
  port: true,
  tls: true,
  authorize: true,
  readOnly: true,
  uploads: true,
  repository: true,
  limits: true,
  signal: true,
  onError: true,
}

export const serveLimits: OptionNames<ServeLimits> = {
  manifestBytes: true,
  blobBytes: true,
  uploads: true,
  uploadExpiry: true,
  connections: true,
  idle: true,
  bytesPerSecond: true,
  closing: true,
}
