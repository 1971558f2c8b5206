import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createUserNamespace,
  type Mount,
  type NamespaceKind,
  type Propagation,
  plan,
  type SpawnOptions,
  standardMounts,
  type UserNamespace,
} from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot, run } from './support/run.ts'

const all: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const range = [{ containerId: 0, hostId: 100_000, size: 65_536 }]
const ranges = { uidMappings: range, gidMappings: range }

/** What one mount looks like from inside: the mount or the options, a script, and what it prints. */
type Row = readonly [title: string, given: Mount | SpawnOptions, script: string, prints: string | RegExp]

const write = (path: string): string => `(echo x > ${path}) 2>/dev/null && echo written || echo refused`
const info = "grep -E ' /m(/[a-z]+)? ' /proc/self/mountinfo"

/** Folders of the host's: `source` with a mount below it, `shared` with one, both shared, and the layers of an overlay. */
class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'box-mounts-'))
  readonly root = new RootFolder(['grep', 'rm'])
  readonly #mounts: string[] = []

  constructor() {
    for (const name of ['m', 'dev', 'proc', 'sys', 'sys/fs']) mkdirSync(join(this.root.path, name), { recursive: true })
    for (const name of ['source', 'shared', 'ids', 'lower', 'higher', 'upper', 'work']) mkdirSync(this.path(name))
    this.#mount('source/nested')
    this.#mount('shared')
    this.#mount('shared/below')
    execFileSync('mount', ['--make-rshared', this.path('shared')])
    writeFileSync(this.path('source/file'), 'outside\n')
    writeFileSync(this.path('source/script'), '#!/bin/sh\necho ran\n', { mode: 0o755 })
    symlinkSync('file', this.path('source/link'))
    writeFileSync(this.path('source/nested/inner'), 'inner\n')
    for (const uid of [0, 1000]) {
      writeFileSync(this.path(`ids/${uid}`), '')
      chownSync(this.path(`ids/${uid}`), uid, uid)
    }
    for (const [layer, files] of Object.entries({ lower: ['low', 'both'], higher: ['high', 'both'] }))
      for (const file of files) writeFileSync(this.path(`${layer}/${file}`), `${layer}\n`)
  }

  #mount(name: string): void {
    mkdirSync(this.path(name), { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'box-test', this.path(name)])
    execFileSync('mount', ['--make-private', this.path(name)])
    this.#mounts.unshift(this.path(name))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  close(): void {
    for (const path of this.#mounts) execFileSync('umount', [path])
    this.root.close()
    rmSync(this.folder, { recursive: true })
  }
}

asRoot('what is mounted', () => {
  let place: Place
  beforeAll(() => {
    place = new Place()
  })
  afterAll(() => {
    place.close()
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(place.folder)
  })

  const at = { target: '/m' } as const
  const source = (name: string): string => `@/${name}`
  const bind = { ...at, type: 'bind', source: source('source') } as const
  const tmpfs = { ...at, type: 'tmpfs' } as const
  const proc = { target: '/proc', type: 'proc' } as const
  const seenBy1000 = { user: { uid: 1000, gid: 1000 }, init: true } as const
  const processOne = 'ls -d /proc/1 2>/dev/null; cat /proc/1/status >/dev/null 2>&1 && echo read || echo unread'
  const hidden = (mount: Mount): SpawnOptions => ({ ...seenBy1000, mounts: [mount] })
  const propagated = (propagation: Propagation): Mount => ({ ...at, type: 'bind', source: source('shared'), propagation })
  const tags = (top: string, below: string): RegExp => new RegExp(`^.* /m rw\\S*${top} - .*\\n.* /m/below rw\\S*${below} - .*$`)
  const [shared, slave, neither, unbindable] = [' shared:\\d+', ' master:\\d+', '', ' unbindable']

  const rows: readonly Row[] = [
    [
      'a bind mount shows and takes files, and what is mounted below',
      bind,
      `cat /m/file /m/nested/inner; ${write('/m/new')}; rm /m/new`,
      'outside\ninner\nwritten',
    ],
    ['a bind mount of a file', { ...bind, source: source('source/file'), target: '/tmp/file' }, 'cat /tmp/file', 'outside'],
    ['a bind mount without those below', { ...bind, recursive: false }, 'ls /m/nested; cat /m/file', 'outside'],
    ['a read-only one', { ...bind, recursive: false, readOnly: true }, write('/m/new'), 'refused'],
    [
      'a read-only one with those below',
      { ...bind, readOnly: true },
      `${write('/m/new')}; ${write('/m/nested/new')}; ${info}`,
      /^refused\nrefused\n.* \/m ro,.*\n.* \/m\/nested ro,/,
    ],
    [
      'a read-only one with those below as they are',
      { ...bind, readOnly: true, recursiveAttributes: false },
      `${write('/m/new')}; ${write('/m/nested/new')}; rm /m/nested/new; ${info}`,
      /^refused\nwritten\n.* \/m ro,.*\n.* \/m\/nested rw,/,
    ],
    ['noexec', { ...bind, noexec: true }, '/m/script 2>/dev/null || echo no; sh /m/script', 'no\nran'],
    ['without noexec', bind, '/m/script', 'ran'],
    ['nosymfollow', { ...bind, nosymfollow: true }, 'cat /m/link 2>/dev/null || echo no', 'no'],
    ['without nosymfollow', bind, 'cat /m/link', 'outside'],
    ['nodev', { ...bind, source: '/dev', recursive: false, nodev: true }, '(: < /m/null) 2>/dev/null || echo no', 'no'],
    ['without nodev', { ...bind, source: '/dev', recursive: false }, ': < /m/null && echo opened', 'opened'],
    ['nosuid and noatime', { ...bind, nosuid: true, noatime: true }, info, / \/m rw,nosuid,noatime.*\n.* \/m\/nested rw,nosuid,noatime/],
    [
      'a tmpfs has its size',
      { ...tmpfs, size: '64KiB' },
      "stat -f -c '%T %b %S' /m; cat /dev/zero > /m/file 2>/dev/null || stat -c %s /m/file",
      'tmpfs 16 4096\n65536',
    ],
    ['a tmpfs has its mode and owner', { ...tmpfs, mode: 0o750, uid: 5, gid: 6 }, "stat -c '%a %u %g' /m", '750 5 6'],
    ['a tmpfs is open to all', tmpfs, `stat -c %a /m; ${write('/m/new')}`, '1777\nwritten'],
    ['a read-only tmpfs', { ...tmpfs, readOnly: true }, write('/m/new'), 'refused'],
    [
      'a new /proc shows the processes of the namespace, and the kernel',
      { mounts: [proc] },
      'ls -d /proc/1 /proc/meminfo',
      '/proc/1\n/proc/meminfo',
    ],
    ['hidepid off', hidden(proc), processOne, '/proc/1\nread'],
    ['hidepid noaccess', hidden({ ...proc, hidepid: 'noaccess' }), processOne, '/proc/1\nunread'],
    ['hidepid invisible', hidden({ ...proc, hidepid: 'invisible' }), processOne, 'unread'],
    ['hidepid ptraceable', hidden({ ...proc, hidepid: 'ptraceable' }), processOne, 'unread'],
    ['hidepid does not hold for its group', hidden({ ...proc, hidepid: 'invisible', gid: 1000 }), processOne, '/proc/1\nread'],
    ['subset=pid', { mounts: [{ ...proc, subset: 'pid' }] }, 'ls -d /proc/1 /proc/meminfo /proc/sys 2>/dev/null; echo', '/proc/1'],
    [
      'a sysfs shows the network namespace',
      { ...at, type: 'sysfs', readOnly: true },
      `stat -f -c %T /m; ls /m/class/net; ${write('/m/class/net/lo/mtu')}`,
      /^sysfs\n(bonding_masters\n)?lo\nrefused$/,
    ],
    [
      'a devpts is of the process’s own',
      { ...at, type: 'devpts', mode: 0o640, ptmxmode: 0o600 },
      `stat -f -c %T /m; ls /m; stat -c %a /m/ptmx; ${info}`,
      /^devpts\nptmx\n600\n.*mode=640,ptmxmode=600$/,
    ],
    ['a devpts with a group', { ...at, type: 'devpts', gid: 5 }, info, /gid=5,mode=620,ptmxmode=666$/],
    ['an mqueue is empty and takes queues', { ...at, type: 'mqueue' }, 'stat -f -c %T /m; ls /m; : > /m/queue; ls /m', 'mqueue\nqueue'],
    [
      'cgroups are seen from the process’s own',
      { ...at, type: 'cgroup', readOnly: true },
      `stat -f -c %T /m; grep -v -c ':/$' /proc/self/cgroup; mkdir /m/x 2>/dev/null || echo refused`,
      /^(tmpfs|cgroup2fs)\n0\nrefused$/,
    ],
    [
      'an overlay shows the uppermost of its folders, and takes nothing',
      { ...at, type: 'overlay', lowers: [source('higher'), source('lower')] },
      `ls /m; cat /m/both; ${write('/m/new')}`,
      'both\nhigh\nlow\nhigher\nrefused',
    ],
    [
      'an overlay keeps what is written in its upper folder',
      { ...at, type: 'overlay', lowers: [source('lower')], upper: source('upper'), work: source('work'), nosuid: true },
      `echo changed > /m/both; rm /m/low; ls /m; cat /m/both; ${info}; echo more > /m/more; rm /m/more`,
      /^both\nchanged\n.* \/m rw,nosuid,nodev,.* - overlay /,
    ],
    [
      'a read-only overlay',
      { ...at, type: 'overlay', lowers: [source('lower')], upper: source('upper'), work: source('work'), readOnly: true },
      write('/m/new'),
      'refused',
    ],
    ['propagation private', propagated('private'), info, tags(neither, '\\S*.*')],
    ['propagation rprivate', propagated('rprivate'), info, tags(neither, neither)],
    ['propagation slave', propagated('slave'), info, tags(slave, '.*')],
    ['propagation rslave', propagated('rslave'), info, tags(slave, slave)],
    ['propagation shared', propagated('shared'), info, tags(shared + '.*', '.*')],
    ['propagation rshared', propagated('rshared'), info, tags(shared + '.*', shared + '.*')],
    ['propagation unbindable', propagated('unbindable'), info, tags(unbindable, '.*')],
    ['propagation runbindable', propagated('runbindable'), info, tags(unbindable, unbindable)],
    ['propagation of a new file system', { ...tmpfs, propagation: 'shared' }, info, / \/m rw\S* shared:\d+ - /],
    ...(
      [
        ['private', '', ''],
        ['rprivate', '', ''],
        ['slave', '( master:\\d+)?', ''],
        ['rslave', '( master:\\d+)?', ''],
        ['shared', ' shared:\\d+', ''],
        ['rshared', ' shared:\\d+', ' shared:\\d+'],
        ['unbindable', ' unbindable', ''],
        ['runbindable', ' unbindable', ' unbindable'],
      ] as const
    ).map(([rootPropagation, top, below]): Row => [
      `root propagation ${rootPropagation}`,
      { rootPropagation, mounts: [proc] },
      "grep -E ' (/|/proc) rw' /proc/self/mountinfo",
      new RegExp(`^.* / rw\\S*${top} - .*\n.* /proc rw\\S*${below} - .*$`),
    ]),
    [
      'a masked folder is empty and takes nothing',
      { maskedPaths: ['/etc', '/proc/keys'] },
      `ls /etc; cat /proc/keys; ${write('/etc/new')}`,
      'refused',
    ],
    [
      'a read-only path',
      { readOnlyPaths: ['/tmp', '/proc/sys'] },
      `${write('/tmp/new')}; ${write('/proc/sys/kernel/domainname')}; ls -d /tmp`,
      'refused\nrefused\n/tmp',
    ],
    [
      'a read-only root',
      { readOnlyRoot: true, mounts: [...standardMounts, { ...tmpfs }] },
      `${write('/tmp/new')}; ${write('/m/new')}`,
      'refused\nwritten',
    ],
  ]

  /** With what stands at `@` in the folders of this run. */
  const placed = <Value>(given: Value): Value => JSON.parse(JSON.stringify(given).replaceAll('@/', `${place.folder}/`))

  describe.each([
    ['as root of the host', all.filter((kind) => kind !== 'user')],
    ['under a user namespace', all],
  ])('%s', (_title, namespaces) => {
    test.each(rows)('%s', async (_row, given, script, prints) => {
      for (const name of ['upper', 'work']) {
        rmSync(place.path(name), { recursive: true })
        mkdirSync(place.path(name))
      }
      const options: SpawnOptions = 'type' in given ? { mounts: [...standardMounts, placed(given)] } : placed(given)
      const { stdout, stderr } = await run(['sh', '-c', script], { namespaces, root: place.root, ...options })
      if (typeof prints === 'string') expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: prints, stderr: '' })
      else expect(stdout.trim()).toMatch(prints)
      expect(readdirSync(place.path('lower')).toSorted()).toEqual(['both', 'low'])
    })

    test('an overlay’s upper folder has what was written and what hides the removed', async () => {
      const mount: Mount = { ...at, type: 'overlay', lowers: [place.path('lower')], upper: place.path('upper'), work: place.path('work') }
      await run(['sh', '-c', 'echo changed > /m/both; rm /m/low'], { namespaces, root: place.root, mounts: [...standardMounts, mount] })
      expect(readFileSync(place.path('upper/both'), 'utf8')).toBe('changed\n')
      expect(statSync(place.path('upper/low')).isCharacterDevice()).toBe(true)
      expect(readFileSync(place.path('lower/both'), 'utf8')).toBe('lower\n')
    })
  })

  describe('a bind mount with other ids', () => {
    let userNamespace: UserNamespace
    beforeAll(async () => {
      userNamespace = await createUserNamespace(ranges)
    })
    afterAll(() => userNamespace.close())

    const script = "stat -c '%u %g' /m/0 /m/1000; echo > /m/new; stat -c '%u %g' /m/new"
    const mounted = (): SpawnOptions['mounts'] => [
      ...standardMounts,
      { ...at, type: 'bind', source: place.path('ids'), recursive: false, userNamespace },
    ]

    test('shows them as the user namespace maps them', async () => {
      const { stdout } = await run(['sh', '-c', script], { namespaces: ['mount', 'pid'], root: place.root, mounts: mounted() })
      expect(stdout).toMatch(/^100000 100000\n101000 101000\n/)
    })

    test('is, inside that map, as the files are outside, and writes them so', async () => {
      const { stdout, stderr } = await run(['sh', '-c', script], { namespaces: all, root: place.root, ...ranges, mounts: mounted() })
      expect({ stdout, stderr }).toEqual({ stdout: '0 0\n1000 1000\n0 0\n', stderr: '' })
      expect(statSync(place.path('ids/new'))).toMatchObject({ uid: 0, gid: 0 })
      rmSync(place.path('ids/new'))
    })

    test('without it the same files are nobody’s, and are not written', async () => {
      const mounts = [...standardMounts, { ...at, type: 'bind', source: place.path('ids') }] as const
      const { stdout } = await run(['sh', '-c', `stat -c %u /m/0; ${write('/m/new')}`], {
        namespaces: all,
        root: place.root,
        ...ranges,
        mounts,
      })
      expect(stdout).toBe('65534\nrefused\n')
    })
  })

  test('a sysfs of a network namespace of the caller’s is the caller’s, wherever it is mounted', async () => {
    const mounts: readonly Mount[] = [{ type: 'sysfs', target: '/mnt', readOnly: true }]
    const { stdout, error } = await asOrdinaryUser(['stat', '-f', '-c', '%T', '/mnt'], { namespaces: ['user', 'mount'], mounts })
    expect({ stdout, error }).toEqual({ stdout: 'sysfs\n', error: undefined })
  })

  test('an ordinary user mounts an overlay in its user namespace', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-overlay-'))
    try {
      for (const name of ['lower', 'upper', 'work']) mkdirSync(join(folder, name))
      writeFileSync(join(folder, 'lower/low'), 'lower\n')
      execFileSync('chown', ['-R', '65534:65534', folder])
      const mounts: readonly Mount[] = [
        { type: 'overlay', target: '/mnt', lowers: [join(folder, 'lower')], upper: join(folder, 'upper'), work: join(folder, 'work') },
      ]
      const { stdout, error } = await asOrdinaryUser(['sh', '-c', 'cat /mnt/low; echo new > /mnt/new; rm /mnt/low; ls /mnt'], {
        namespaces: ['user', 'mount'],
        mounts,
      })
      expect(error).toBeUndefined()
      expect(stdout).toBe('lower\nnew\n')
      expect(readFileSync(join(folder, 'upper/new'), 'utf8')).toBe('new\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('mounts that cannot be are refused before anything is started', () => {
  const table: readonly (readonly [string, object, string])[] = [
    ['one folder without an upper one', { type: 'overlay', lowers: ['/a'] }, 'mounts.lowers'],
    ['no folder', { type: 'overlay', lowers: [], upper: '/u', work: '/w' }, 'mounts.lowers'],
    ['an upper folder without one to work in', { type: 'overlay', lowers: ['/a'], upper: '/u' }, 'mounts.upper'],
    ['an unknown hidepid', { type: 'proc', hidepid: '2' }, 'mounts.hidepid'],
    ['an unknown subset', { type: 'proc', subset: 'net' }, 'mounts.subset'],
    ['an option of another type', { type: 'sysfs', hidepid: 'off' }, 'hidepid'],
    ['an option of none', { type: 'overlay', lowers: ['/a', '/b'], upperdir: '/u' }, 'upperdir'],
  ]
  test.each(table)('%s', (_title, mount, named) => {
    const mounts = JSON.parse(JSON.stringify([{ target: '/m', ...mount }]))
    expect(() => plan(['true'], { namespaces: ['mount'], mounts })).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
    )
  })
})
