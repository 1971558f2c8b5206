import { BoxError } from '@box/core'
import type { Pieces } from '@box/oci'
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { namesIn } from '../sessions.ts'
import { isAbsent, isThere } from '../absent.ts'
import { removeTree } from '../unpacked/trees.ts'

/** Writes to a file, which is there when it is complete, or to a stream, which ends then. */
export async function writeTo(target: string | Writable, pieces: Pieces, signal: AbortSignal | undefined): Promise<void> {
  if (typeof target === 'string') {
    await writeFileWhole(target, pieces, signal)
    return
  }
  try {
    await pipeline(Readable.from(bytesOf(pieces), { objectMode: false }), target, signal === undefined ? {} : { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

async function* bytesOf(pieces: Pieces): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of pieces)
    if (piece instanceof Uint8Array) yield piece
    else yield* piece.bytes()
}

/** A file takes the place of what is there: of a device, /dev/stdout or a pipe nothing would be left. */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
  if (found !== undefined && !found.isFile())
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${path} is there, and is no file`, {
      path,
      hint: 'give a device or a pipe as a stream',
    })
}

async function writeFileWhole(path: string, pieces: Pieces, signal: AbortSignal | undefined): Promise<void> {
  await requireFile(path)
  const temporary = besides(path)
  const file = await open(temporary, 'wx', 0o644)
  try {
    try {
      for await (const piece of pieces) {
        signal?.throwIfAborted()
        if (piece instanceof Uint8Array) await file.appendFile(piece)
        else if (piece.toFile !== undefined) await piece.toFile(file.fd)
        else for await (const chunk of piece.bytes()) await file.appendFile(chunk)
      }
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Makes a folder, which is there when it is complete. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where something is there already */
export async function makeFolderWhole(path: string, fill: (folder: number) => Promise<void>): Promise<void> {
  if ((await isThere(path)) && (await namesIn(path)).length > 0)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${path} is not empty`, { path, hint: 'give a folder that is not there yet' })
  const temporary = besides(path)
  await mkdir(temporary, { mode: 0o755 })
  try {
    const folder = await open(temporary, 'r')
    try {
      await fill(folder.fd)
    } finally {
      await folder.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await removeTree(temporary)
    throw error
  }
}

/** A name in the same folder that nobody uses. */
function besides(path: string): string {
  const whole = resolve(path)
  return join(dirname(whole), `.box-${randomBytes(8).toString('hex')}`)
}
