import { existsSync } from 'node:fs'
import type { SpawnOptions } from '../src/index.ts'
import { asOrdinaryUser, type Host } from './support/ordinary-user.ts'
import { isRoot } from './support/run.ts'

const withHelpers = isRoot && existsSync('/usr/bin/newuidmap') ? describe : describe.skip

const ranges: Host = { subuid: 'nobody:200000:65536\n65534:400000:10\n' }
const sandbox: SpawnOptions = { namespaces: ['user', 'pid', 'mount'], mounts: [{ type: 'tmpfs', target: '/tmp' }] }
const map = (containerId: number, hostId: number, size: number) => [{ containerId, hostId, size }]
const words = (stdout: string | undefined): string[][] =>
  (stdout ?? '')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))

withHelpers('an ordinary user with ranges in /etc/subuid and /etc/subgid', () => {
  test('has them in a new user namespace without asking: files of several owners, and other users to become', async () => {
    const script = `cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups; id -G
      touch /tmp/file; chown 1000:5 /tmp/file; stat -c '%u %g' /tmp/file
      setpriv --reuid 1000 --regid 1000 --groups 7,8 sh -c 'id -u; id -g; id -G; touch /tmp/other; stat -c "%u %g" /tmp/other'`
    const { stdout, stderr, exitCode } = await asOrdinaryUser(['sh', '-c', script], sandbox, ranges)
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const three = [
      ['0', '65534', '1'],
      ['1', '200000', '65536'],
      ['65537', '400000', '10'],
    ]
    expect(words(stdout)).toEqual([
      ...three,
      ...three,
      ['allow'],
      ['0'],
      ['1000', '5'],
      ['1000'],
      ['1000'],
      ['1000', '7', '8'],
      ['1000', '1000'],
    ])
  })

  test('starts a process as one of them, with groups, and sees it end by its signal', async () => {
    const options: SpawnOptions = { ...sandbox, user: { uid: 1000, gid: 1001, additionalGids: [5, 6] } }
    const outcome = await asOrdinaryUser(
      ['sh', '-c', 'id -u; id -g; id -G; kill -TERM $$; exec sleep 60'],
      { ...options, init: true },
      ranges,
    )
    expect(outcome).toMatchObject({ stdout: '1000\n1001\n1001 5 6\n', exitCode: 128 + 15 })
  })

  test('maps them as a runtime configuration says, and ends what runs under ids that are not its own', async () => {
    const options = { uidMappings: map(0, 200000, 1000), gidMappings: [...map(0, 200000, 1000), ...map(1000, 65534, 1)] }
    const script = 'echo "$(cat /proc/self/uid_map /proc/self/gid_map; id -u)"; exec sleep 60'
    const outcome = await asOrdinaryUser(['sh', '-c', script], { ...sandbox, ...options }, { ...ranges, killed: true })
    expect(words(outcome.stdout)).toEqual([['0', '200000', '1000'], ['0', '200000', '1000'], ['1000', '65534', '1'], ['0']])
    expect(outcome).toMatchObject({ signal: 'SIGKILL' })
  })

  test('has them together with a time namespace, which is made by another process', async () => {
    const timed: SpawnOptions = {
      ...sandbox,
      namespaces: ['user', 'time'],
      mounts: undefined,
      timeOffsets: { monotonic: { secs: 7_000_000 } },
    }
    const script = 'cat /proc/self/timens_offsets; setpriv --reuid 9 --clear-groups id -u'
    const { stdout, stderr } = await asOrdinaryUser(['sh', '-c', script], timed, ranges)
    expect(stderr).toBe('')
    expect(words(stdout)).toEqual([['monotonic', '7000000', '0'], ['boottime', '0', '0'], ['9']])
  })

  test('starts other processes while newgidmap takes its time: nobody waits for it but who asked for ranges', async () => {
    // In its place, sleep(1): it adds up what it is given, days in all. They end with the pid namespace.
    const before = `cp /bin/sleep helper; chmod 4755 helper; mount --bind helper /usr/bin/newgidmap
      set -- unshare --pid --fork --kill-child --mount-proc "$@"`
    const { stdout } = await asOrdinaryUser(['true'], { namespaces: ['user'] }, { ...ranges, before, beside: ['echo', 'meanwhile'] })
    expect(stdout).toBe('meanwhile\n')
  })

  test('maps itself alone where it asks for that', async () => {
    const alone = { namespaces: ['user'], uidMappings: map(0, 65534, 1), gidMappings: map(0, 65534, 1) } as const
    const { stdout } = await asOrdinaryUser(['cat', '/proc/self/uid_map', '/proc/self/setgroups'], alone, ranges)
    expect(words(stdout)).toEqual([['0', '65534', '1'], ['deny']])
  })
})

withHelpers('an ordinary user whose host grants no ranges', () => {
  const hosts: readonly (readonly [string, Host])[] = [
    ['has no range', {}],
    ['has a range of users alone', { subuid: 'nobody:200000:65536\n', subgid: '' }],
    [
      'finds no newuidmap',
      { ...ranges, before: 'mkdir bin; mknod bin/newuidmap c 0 0; mount -t overlay overlay -o "lowerdir=$PWD/bin:/usr/bin" /usr/bin' },
    ],
    ['finds one without privilege', { ...ranges, before: 'mount --bind /bin/true /usr/bin/newuidmap' }],
    [
      'finds them on a mount that ignores their privilege',
      { ...ranges, before: 'mount --bind /usr /usr; mount -o remount,bind,nosuid /usr' },
    ],
    ['may gain no privilege', { ...ranges, before: 'set -- setpriv --no-new-privs "$@"' }],
  ]

  test.each(hosts)('has its own id alone where it %s', async (_, host) => {
    const outcome = await asOrdinaryUser(['cat', '/proc/self/uid_map'], { namespaces: ['user'] }, host)
    expect(outcome.error).toBeUndefined()
    expect(words(outcome.stdout)).toEqual([['0', '65534', '1']])
  })

  const wanted = { namespaces: ['user'], uidMappings: map(0, 200000, 1000), gidMappings: map(0, 200000, 1000) } as const
  const reasons = [
    { code: 'ERR_BOX_PERMISSION', path: '/etc/subuid', message: expect.stringContaining('usermod --add-subuids') },
    { code: 'ERR_BOX_PERMISSION', path: '/etc/subgid', message: expect.stringContaining('usermod --add-subuids') },
    { code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining('install the package uidmap') },
    { code: 'ERR_BOX_UNSUPPORTED', path: '/usr/bin/newuidmap', message: expect.stringContaining('chmod u+s /usr/bin/newuidmap') },
    { code: 'ERR_BOX_UNSUPPORTED', path: '/usr/bin/newuidmap', message: expect.stringContaining('mount that ignores') },
    { code: 'ERR_BOX_PERMISSION', message: expect.stringContaining('no_new_privs') },
  ]

  test.each(hosts.map(([name, host], index) => [name, host, reasons[index]] as const))(
    'is told what to do where it %s and asks for more',
    async (_, host, reason) => {
      expect((await asOrdinaryUser(['true'], wanted, host)).error).toMatchObject(reason ?? {})
    },
  )

  test('is told how far its range goes', async () => {
    const { error } = await asOrdinaryUser(['true'], wanted, { subuid: 'nobody:200000:999\n' })
    expect(error).toMatchObject({
      code: 'ERR_BOX_PERMISSION',
      path: '/etc/subuid',
      message: expect.stringContaining('not all of the ids 200000 to 200999, but 65534, 200000 to 200998'),
    })
  })

  test('is told what newuidmap says where that refuses after all', async () => {
    // Between the look at the program and its run another one has come in its place: here, one that is privileged and refuses everything.
    const before = 'cp /bin/false newuidmap; chmod 4755 newuidmap; mount --bind newuidmap /usr/bin/newuidmap'
    const { error } = await asOrdinaryUser(['true'], wanted, { ...ranges, before })
    expect(error).toMatchObject({ code: 'ERR_BOX_PERMISSION', step: 'map the ids', path: '/usr/bin/newuidmap' })
  })
})
