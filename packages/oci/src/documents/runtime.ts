import type { RuntimeConfig, RuntimeFeatures, RuntimeProcess, RuntimeResources, RuntimeState } from '../generated/types.ts'
import {
  validateRuntimeConfig,
  validateRuntimeFeatures,
  validateRuntimeProcess,
  validateRuntimeResources,
  validateRuntimeState,
} from '../generated/validators.ts'
import { type BrokenRule, type Document, type Kind, type ParseOptions, parseDocument } from './parse.ts'

// The runtime specification gives its documents no media types.
const mediaType = 'application/json'

const configKind: Kind<RuntimeConfig> = {
  name: 'runtime configuration',
  validator: validateRuntimeConfig,
  mediaType,
  check: (config) => (config.process === undefined ? undefined : repeatedLimit(config.process, '/process')) ?? repeatedNamespace(config),
}

const processKind: Kind<RuntimeProcess> = {
  name: 'runtime process',
  validator: validateRuntimeProcess,
  mediaType,
  check: (process) => repeatedLimit(process, ''),
}

const resourcesKind: Kind<RuntimeResources> = { name: 'runtime resources', validator: validateRuntimeResources, mediaType }

const stateKind: Kind<RuntimeState> = { name: 'runtime state', validator: validateRuntimeState, mediaType }

const featuresKind: Kind<RuntimeFeatures> = { name: 'runtime features', validator: validateRuntimeFeatures, mediaType }

/**
 * Reads a bundle's config.json for Linux (runtime-spec 1.3, config.md and config-linux.md). Unknown properties are kept, as the
 * specification demands. Numbers beyond 2^53 are as exact as a double, except in system call filters, where they are refused.
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export function parseRuntimeConfig(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeConfig> {
  return parseDocument(configKind, bytes, options)
}

/** Reads a process document, as `exec` takes it (config.md, "Process"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseRuntimeProcess(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeProcess> {
  return parseDocument(processKind, bytes, options)
}

/** Reads a resources document, as `update` takes it (config-linux.md, "Control groups"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseRuntimeResources(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeResources> {
  return parseDocument(resourcesKind, bytes, options)
}

/** Reads the state of a container (runtime.md, "State"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseRuntimeState(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeState> {
  return parseDocument(stateKind, bytes, options)
}

/** Reads what a runtime says it can do (features.md). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseRuntimeFeatures(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeFeatures> {
  return parseDocument(featuresKind, bytes, options)
}

function repeatedLimit({ rlimits = [] }: RuntimeProcess, pointer: string): BrokenRule | undefined {
  return repeated(rlimits, `${pointer}/rlimits`, 'a resource must be limited only once')
}

function repeatedNamespace({ linux }: RuntimeConfig): BrokenRule | undefined {
  return repeated(linux?.namespaces ?? [], '/linux/namespaces', 'a type of namespace must be there only once')
}

function repeated(entries: readonly { readonly type: string }[], pointer: string, rule: string): BrokenRule | undefined {
  const seen = new Set<string>()
  for (const [index, { type }] of entries.entries()) {
    if (seen.has(type)) return { pointer: `${pointer}/${index}/type`, rule }
    seen.add(type)
  }
  return undefined
}
