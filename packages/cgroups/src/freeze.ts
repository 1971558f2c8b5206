import { setTimeout as delay } from 'node:timers/promises'
import { BoxError } from '@box/core'
import { waitForEvent } from './events-file.ts'
import { read, systemError, writeSlowly } from './files.ts'
import type { Places } from './places.ts'

/** Stops or continues every process of a group; resolves when all of them have. */
export async function setFrozen({ v2, v1 }: Places, frozen: boolean, signal?: AbortSignal): Promise<void> {
  if (v2 !== undefined) {
    await put(v2, 'cgroup.freeze', frozen ? '1' : '0')
    return await waitForEvent(v2, 'frozen', frozen ? 1 : 0, signal)
  }
  const folder = freezerOf(v1)
  await put(folder, 'freezer.state', frozen ? 'FROZEN' : 'THAWED')
  if (!frozen) return
  try {
    await waitForFreezer(folder, signal)
  } catch (error) {
    await put(folder, 'freezer.state', 'THAWED')
    throw error
  }
}

/** Asks for it and does not wait: what is stopped cannot fork. */
export async function beginFreezing({ v2, v1 }: Places): Promise<void> {
  await (v2 === undefined ? put(freezerOf(v1), 'freezer.state', 'FROZEN') : put(v2, 'cgroup.freeze', '1'))
}

function freezerOf(v1: Places['v1']): string {
  const folder = v1.get('freezer')
  if (folder !== undefined) return folder
  throw new BoxError('ERR_BOX_CGROUP_UNSUPPORTED', 'This group cannot be frozen: it is in no v2 hierarchy and has no freezer controller', {
    step: 'freeze',
  })
}

/**
 * The v1 freezer makes progress when it is read, and tells nobody (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst). It never ends where
 * a process waits in vfork(2) for a child that is frozen before its exec: so from time to time all go on for a moment.
 */
async function waitForFreezer(folder: string, signal?: AbortSignal): Promise<void> {
  for (let reading = 1; read(folder, 'freezer.state')?.trim() === 'FREEZING'; reading++) {
    if (reading % 20 === 0) {
      await put(folder, 'freezer.state', 'THAWED')
      await delay(1, undefined, { signal })
      await put(folder, 'freezer.state', 'FROZEN')
    }
    await delay(2, undefined, { signal })
  }
}

async function put(folder: string, file: string, value: string): Promise<void> {
  try {
    await writeSlowly(folder, file, value)
  } catch (error) {
    throw systemError(`The cgroup ${folder} cannot be frozen or thawed`, error, 'write', `${folder}/${file}`)
  }
}
