import { isAbsent } from '../absent.ts'
import { BoxError, type Digest } from '@box/core'
import { isDigest, readJson } from '@box/oci'
import { readFile } from 'node:fs/promises'

/** What is known of an unpacked layer, in the file `layer.json` beside its tree. */
export interface LayerRecord {
  readonly version: 1
  /** How the layer is kept. `directory`: its files, in the folder `tree`. */
  readonly kind: 'directory'
  readonly diffID: Digest
  /** Of the tar. */
  readonly entries: number
  /** Of the tar, in bytes. */
  readonly size: number
  /** What the tree takes on the disk. */
  readonly bytes: number
  readonly inodes: number
  /** The tar describes the root folder itself. */
  readonly rootEntry: boolean
  /** Nothing below this layer is to be seen. */
  readonly rootOpaque: boolean
  /** The tree would be another above other layers: for a place above some it is unpacked again, above those. */
  readonly dependsOnParent: boolean
  /** Hard links of the tar lead to files of layers below: it cannot be the lowest. Not there: they do not. */
  readonly lowerLinks?: boolean
  /** The marks that all its opaque folders have: with others it cannot be mounted. */
  readonly opaqueMarks: readonly string[]
  /** The boot of the machine in which the tree was written. From another one only what was made durable is believed. */
  readonly bootId: string
  readonly durable: boolean
}

/** Reads a record; undefined where none is there. @throws BoxError `ERR_BOX_STORE_INVALID` */
export async function readRecord(path: string): Promise<LayerRecord | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
  // A power cut can leave a file without content; the layer then is as good as absent.
  if (bytes.every((byte) => byte === 0)) return undefined
  const value = parse(path, bytes)
  if (isRecord(value)) return value
  throw new BoxError('ERR_BOX_STORE_INVALID', `${path} does not describe an unpacked layer of a kind that this version knows`, { path })
}

function parse(path: string, bytes: Buffer): unknown {
  try {
    return readJson('layer record', bytes, { maxBytes: 64 * 1024 })
  } catch (cause) {
    throw new BoxError('ERR_BOX_STORE_INVALID', `${path} is not valid`, { path, cause })
  }
}

function isRecord(value: unknown): value is LayerRecord {
  if (typeof value !== 'object' || value === null) return false
  const record: Partial<Record<keyof LayerRecord, unknown>> = value
  const counts = [record.entries, record.size, record.bytes, record.inodes]
  const flags = [record.rootEntry, record.rootOpaque, record.dependsOnParent, record.durable]
  return (
    record.version === 1 &&
    record.kind === 'directory' &&
    isDigest(record.diffID) &&
    typeof record.bootId === 'string' &&
    counts.every((count) => Number.isSafeInteger(count)) &&
    flags.every((flag) => typeof flag === 'boolean') &&
    ['boolean', 'undefined'].includes(typeof record.lowerLinks) &&
    Array.isArray(record.opaqueMarks) &&
    record.opaqueMarks.every((mark) => typeof mark === 'string')
  )
}
