export { type ExposedPort, type ImageProcess, imageProcess, type ProcessOverrides } from './convert/process.ts'
export { type ResolvedUser, resolveUser, type UserDatabase } from './convert/user.ts'
export * from './digest.ts'
export { DocumentError } from './documents/error.ts'
export * from './documents/image.ts'
export * from './documents/registry.ts'
export * from './documents/runtime.ts'
export { type JsonLimits, readJson } from './documents/json.ts'
export type { Document, ParseOptions } from './documents/parse.ts'
export type {
  Catalog,
  ImageConfig,
  ImageLayoutHeader,
  Index,
  Manifest,
  RegistryErrors,
  RuntimeConfig,
  RuntimeDevice,
  RuntimeFeatures,
  RuntimeHook,
  RuntimeHooks,
  RuntimeIdMapping,
  RuntimeLinux,
  RuntimeMount,
  RuntimeProcess,
  RuntimeResources,
  RuntimeSeccomp,
  RuntimeState,
  TagList,
} from './generated/types.ts'
export * from './media-types.ts'
export * from './platform.ts'
export * from './reference.ts'
export { blobWriter, type Receiving } from './layout/blob-writer.ts'
export { type ImageLayout, layout, type LayoutOptions, type NamedImage, type StoredBlob } from './layout/layout.ts'
export { acquireLock, type BusyLock, type HeldLock, type Locks } from './layout/locks.ts'
export { memorySink } from './layout/memory.ts'
export { socketLocks } from './layout/socket-locks.ts'
export { verifyBytes } from './documents/parse.ts'
export type { Receiver, Staged, StagedBlob } from './layout/writer.ts'
export { assertComplete, isImageDescriptor, readBlob, readImageDocument, referencesOf } from './layout/references.ts'
export { archive, type ImageArchive } from './archive/archive.ts'
export { namedEntry, namesOf } from './archive/names.ts'
export { archivePieces } from './archive/pieces.ts'
export { type Pieces, type Section, tarEnd, tarFile } from './archive/tar-writer.ts'
