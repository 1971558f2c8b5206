import { BoxError, type Descriptor } from '@box/core'
import { type ImageLayout, layout } from '@box/oci'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImportOptions } from '../options.ts'
import { isAbsent } from '../absent.ts'

/** What a path that is to be imported holds. */
export type ImportSource =
  | { readonly kind: 'layout'; readonly images: ImageLayout; readonly descriptor: Descriptor; readonly name: string | undefined }
  | { readonly kind: 'folder' }

/** Looks what is at the path: an image layout, or a folder that is a root file system. */
export async function findSource(path: string, options: ImportOptions): Promise<ImportSource> {
  if (!(await isFolder(path))) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${path} is not a folder`, { path })
  if (!(await isFile(join(path, 'oci-layout')))) return { kind: 'folder' }
  const images = layout(path)
  const { manifests } = await images.index()
  const named = await images.list()
  const match = named.find(({ name }) => name === options.tag)
  if (match !== undefined) return { kind: 'layout', images, ...match }
  const [only, ...others] = manifests
  if (only === undefined || others.length > 0)
    throw new BoxError('ERR_BOX_NOT_FOUND', `${path} holds ${manifests.length} images, and none named ${JSON.stringify(options.tag)}`, {
      path,
      hint: `give one of its names as tag: ${named.map(({ name }) => name).join(', ') || 'there are none'}`,
    })
  return { kind: 'layout', images, descriptor: named[0]?.descriptor ?? only, name: named[0]?.name }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (cause) {
    if (isAbsent(cause)) throw new BoxError('ERR_BOX_NOT_FOUND', `there is nothing at ${path}`, { path, cause })
    throw cause
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}
