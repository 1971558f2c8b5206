import type { SpawnOptions } from '../src/index.ts'
import { asOrdinaryUser, type Host, ordinaryUser } from './support/ordinary-user.ts'
import { asRoot, run } from './support/run.ts'

const user: SpawnOptions = { namespaces: ['user'] }

/** A folder in the place of /proc/sys/kernel that has the settings of a distribution's kernel. */
const setting = (name: string, value: string): string =>
  `mkdir kernel; echo ${value} > kernel/${name}; mount --bind kernel /proc/sys/kernel`

/** A root that is not that of the mount namespace: the kernel refuses new user namespaces there. */
const chroot = 'mount --rbind / /mnt; set -- chroot /mnt "$@"'

asRoot('a host that forbids user namespaces says which setting does, and what to do', () => {
  const table: readonly (readonly [string, Host, object])[] = [
    [
      'by kernel.unprivileged_userns_clone',
      { before: `${setting('unprivileged_userns_clone', '0')}; ${chroot}` },
      {
        code: 'ERR_BOX_PERMISSION',
        errno: 'EPERM',
        syscall: 'clone3',
        path: '/proc/sys/kernel/unprivileged_userns_clone',
        message: expect.stringContaining('sysctl -w kernel.unprivileged_userns_clone=1'),
      },
    ],
    [
      'by AppArmor, when the namespace is made',
      { before: `${setting('apparmor_restrict_unprivileged_userns', '1')}; ${chroot}` },
      {
        code: 'ERR_BOX_PERMISSION',
        syscall: 'clone3',
        path: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
        message: expect.stringContaining('"userns,"'),
      },
    ],
    [
      'where nothing is known of why',
      { before: chroot },
      { code: 'ERR_BOX_PERMISSION', syscall: 'clone3', message: expect.stringContaining('the container or chroot around this process') },
    ],
  ]

  test.each(table)('%s', async (_, host, expected) => {
    expect((await asOrdinaryUser(['true'], user, host)).error).toMatchObject(expected)
  })

  test.each([
    ['user', 'max_user_namespaces', user],
    ['network', 'max_net_namespaces', { namespaces: ['user', 'network'] }],
  ] as const)('by the number of %s namespaces', async (_, limit, options) => {
    // In a user namespace of the test's own, which has limits of its own.
    const asked = JSON.stringify({ command: ['true'], options: { ...options, cwd: '/' } })
    const inside = `echo 0 > /proc/sys/user/${limit}; exec "$@"`
    const { stdout, stderr } = await run(['sh', '-c', inside, 'sh', process.execPath, ordinaryUser, asked], { namespaces: ['user'] })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'ERR_BOX_UNSUPPORTED',
      step: 'make the process',
      syscall: 'clone3',
      errno: 'ENOSPC',
      path: `/proc/sys/user/${limit}`,
      message: expect.stringContaining(`sysctl -w user.${limit}=`),
    })
  })

  test('by AppArmor, which lets it be made and takes its capabilities away: the step that fails says so', async () => {
    const known = await asOrdinaryUser(
      ['true'],
      { namespaces: ['user'], rlimits: { nofile: { soft: 1e9 } } },
      {
        before: setting('apparmor_restrict_unprivileged_userns', '1'),
      },
    )
    expect(known.error).toMatchObject({
      code: 'ERR_BOX_PERMISSION',
      step: 'set a resource limit',
      message: expect.stringContaining('kernel.apparmor_restrict_unprivileged_userns'),
    })
  })
})
