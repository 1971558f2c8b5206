import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { removeTree } from '../unpacked/trees.ts'
import type { StoreParts } from './parts.ts'

/** Removes an unpacked layer. One rename takes it out of sight, whatever becomes of the rest. */
export async function removeLayer({ layers, session, privileges }: StoreParts, folder: string): Promise<void> {
  const aside = join(layers.staging, session.newName())
  await rename(folder, aside)
  await removeTree(aside, privileges.ids)
}
