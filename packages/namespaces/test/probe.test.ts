import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { probe, spawn } from '../src/index.ts'
import { asRoot } from './support/run.ts'

test('what the probe says of a namespace is what a launch meets', async () => {
  const features = await probe()
  expect(features.find(({ name }) => name === 'launcher')).toMatchObject({ name: 'launcher', available: true })
  for (const kind of ['user', 'uts', 'network'] as const) {
    const feature = features.find(({ name }) => name === `${kind}-namespace`)
    const launched = await spawn(['true'], { namespaces: process.getuid?.() === 0 ? [kind] : ['user', kind] }).then(
      async (child) => (await child.exited).exitCode === 0,
      () => false,
    )
    expect(feature?.available).toBe(launched)
  }
})

asRoot('as an ordinary user', () => {
  test('what only root may is absent, with the reason', async () => {
    const program = `import { probe } from '@box/namespaces'; import { native } from '@box/native'; native()
      process.setgroups([]); process.setgid(65534); process.setuid(65534); process.chdir('/')
      console.log(JSON.stringify((await probe()).map(({ name, available, reason }) => [name, available, reason?.code])))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(__dirname, 'support'),
    })
    const features: [string, boolean, string | null][] = JSON.parse(stdout)
    expect(features).toContainEqual(['id-ranges', false, 'ERR_BOX_PERMISSION'])
    expect(features).toContainEqual(['user-namespace', true, null])
    expect(features).toContainEqual(['proc', true, null])
  })
})
