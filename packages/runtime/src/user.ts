import { BoxError } from '@box/core'
import type { MountedRoot } from '@box/layers'
import type { User } from '@box/namespaces'
import { resolveUser } from '@box/oci'

/** Looks a user of an image configuration up in the account files inside the root. No program or library of the root is used. */
export async function userIn(root: MountedRoot, name: string): Promise<User & { readonly home: string }> {
  const [passwd, group] = await Promise.all([accountFile(root, '/etc/passwd'), accountFile(root, '/etc/group')])
  const { uid, gid, additionalGids, home = '/' } = resolveUser(name, { passwd, group })
  return { uid, gid, additionalGids, home }
}

/** A container may have made its account files what it likes before a command is started beside it. */
const largestAccountFile = 16 * 1024 * 1024

async function accountFile(root: MountedRoot, path: string): Promise<string | undefined> {
  try {
    return (await root.readFile(path, { maxBytes: largestAccountFile })).toString()
  } catch (error) {
    if (error instanceof BoxError && error.code === 'ERR_BOX_NOT_FOUND') return undefined
    throw error
  }
}
