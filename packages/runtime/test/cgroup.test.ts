import { BoxError, type ErrorCode } from '@box/core'

import { makeCgroup } from '../src/cgroup.ts'
import { createRuntime } from '../src/index.ts'
import { Releases } from '../src/releases.ts'

const failing = (code: ErrorCode): Parameters<typeof makeCgroup>[0] => ({ create: () => Promise.reject(new BoxError(code, 'no')) })

test.each<ErrorCode>(['ERR_BOX_PERMISSION', 'ERR_BOX_UNSUPPORTED', 'ERR_BOX_CGROUP_BUSY'])(
  'where %s keeps a group from being made, a container without limits has none, and one with limits is not started',
  async (code) => {
    expect(await makeCgroup(failing(code), 'a'.repeat(64), undefined, new Releases())).toBeUndefined()
    expect(await makeCgroup(failing(code), 'a'.repeat(64), { disk: '1MiB' }, new Releases())).toBeUndefined()
    await expect(makeCgroup(failing(code), 'a'.repeat(64), { memory: '1MiB' }, new Releases())).rejects.toMatchObject({ code })
  },
)

test('any other failure is one, limits or not', async () => {
  await expect(makeCgroup(failing('ERR_BOX_SYSTEM'), 'a'.repeat(64), undefined, new Releases())).rejects.toMatchObject({
    code: 'ERR_BOX_SYSTEM',
  })
})

test('limits that this host cannot hold are refused before the image is looked for', async () => {
  const runtime = createRuntime({ cgroups: failing('ERR_BOX_CGROUP_UNSUPPORTED') })
  await expect(runtime.run('localhost:1/absent:1', ['true'], { limits: { io: { weight: 50 } } })).rejects.toMatchObject({
    code: 'ERR_BOX_CGROUP_UNSUPPORTED',
  })
})
