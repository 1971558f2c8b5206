import { BoxError } from '@box/core'
import { readdir, readFile } from 'node:fs/promises'

/** The file's bytes; undefined where there is no such file. @throws BoxError `ERR_BOX_SYSTEM`; `ERR_BOX_LIMIT` for more than `limit` bytes. */
export async function readIfThere(path: string, limit: number): Promise<Buffer | undefined> {
  const bytes = await readFile(path).catch(absence(path))
  if (bytes !== undefined && bytes.length > limit) throw new BoxError('ERR_BOX_LIMIT', `${path} is longer than ${limit} bytes`, { path })
  return bytes
}

/** The names in the folder, in their order; none where there is no such folder. @throws BoxError `ERR_BOX_SYSTEM`. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return ((await readdir(folder).catch(absence(folder))) ?? []).toSorted()
}

function absence(path: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new BoxError('ERR_BOX_SYSTEM', `cannot read ${path}`, { path, errno: error.code, cause: error })
  }
}
