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
  const folder = v1.get('freezer')
  if (folder === undefined)
    throw new BoxError(
      'ERR_BOX_CGROUP_UNSUPPORTED',
      'This group cannot be frozen: it is in no v2 hierarchy and has no freezer controller',
      { step: 'freeze' },
    )
  await put(folder, 'freezer.state', frozen ? 'FROZEN' : 'THAWED')
  // The v1 freezer makes progress when it is read, and tells nobody (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
  for (let pause = 1; read(folder, 'freezer.state')?.trim() === 'FREEZING'; pause = Math.min(50, pause * 2))
    await delay(pause, undefined, { signal })
}

async function put(folder: string, file: string, value: string): Promise<void> {
  try {
    await writeSlowly(folder, file, value)
  } catch (error) {
    throw systemError(`The cgroup ${folder} cannot be frozen or thawed`, error, 'write', `${folder}/${file}`)
  }
}
