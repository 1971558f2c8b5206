import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoxError } from '@box/core'
import { native } from '@box/native'
import { Plan, type SpawnOptions, launch, plan, spawn } from '../src/index.ts'
import { everything } from './plan/everything.ts'
import { FailingSteps, type Row } from './support/failing-steps.ts'
import { asRoot, isRoot } from './support/run.ts'

describe('the program', () => {
  test.each([
    ['by name', ['no-such-program'], { errno: 'ENOENT' }],
    ['by path', ['/no/such/program'], { errno: 'ENOENT', path: '/no/such/program' }],
    ['below a file', ['/etc/passwd/program'], { errno: 'ENOTDIR' }],
  ])('that is not there, %s, is ERR_BOX_COMMAND_NOT_FOUND', async (_title, command, expected) => {
    await expect(spawn(command)).rejects.toMatchObject({
      code: 'ERR_BOX_COMMAND_NOT_FOUND',
      syscall: 'execve',
      step: 'execute the program',
      ...expected,
    })
  })

  test('that may not be executed is ERR_BOX_PERMISSION', async () => {
    await expect(spawn(['/etc/passwd'])).rejects.toMatchObject({ code: 'ERR_BOX_PERMISSION', syscall: 'execve', errno: 'EACCES' })
  })

  test('whose interpreter is missing is not said to be missing itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-script-'))
    try {
      const script = join(folder, 'script')
      writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 })
      await expect(spawn([script])).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND', path: script })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

asRoot('every step that fails is named with call, error, path and what to do', () => {
  // Made only where they are used: as an ordinary user some of these plans cannot be compiled.
  const failing = isRoot ? new FailingSteps() : undefined
  const [prepare, enter] = [Object.entries(failing?.prepare() ?? {}), Object.entries(failing?.enter() ?? {})]
  const rows: readonly Row[] = [...[...prepare, ...enter].flatMap(([, some]) => some ?? []), ...(failing?.around() ?? [])]
  const named = new Set(rows.map(({ expected }) => expected.step))
  afterAll(() => failing?.close())

  test.each(rows)('$title', async ({ plan: compiled, onSystemCall, expected }) => {
    const failed = launch(compiled, { onSystemCall }).catch((error: unknown) => error)
    expect(await failed).toBeInstanceOf(BoxError)
    expect(await failed).toMatchObject({
      code: expect.stringMatching(/^ERR_BOX_/),
      message: expect.stringContaining(`${expected.step}: `),
      hint: expect.stringMatching(/\w+ \w+/),
      ...expected,
    })
  })

  test('there is a row for every kind of step', () => {
    expect(prepare.map(([kind]) => kind).toSorted()).toEqual(kindsOf(everything.prepare))
    expect(enter.map(([kind]) => kind).toSorted()).toEqual(kindsOf(everything.enter))
  })

  test('there is a row for every name that the launcher and the core give to what fails', () => {
    const names = [...namesIn('plan/src/steps.rs', /=> "([^"]+)",/g), ...['launcher/src', 'kernel/src/launch'].flatMap(namesOfPhases)]
    expect(names.length).toBeGreaterThan(40)
    expect([...new Set(names)].filter((name) => !named.has(name)).toSorted()).toEqual([
      // Not of a launch of the caller's: see below.
      'mount the overlay',
      'mount the tree',
      'open the namespace',
      // Its descriptors are the core's own: there is no way to make these fail from outside.
      'send the plan to the launcher',
      // umask(2) always succeeds.
      'set the umask',
      'start the launcher',
    ])
  })

  test('a namespace that cannot be given back, and an overlay that cannot be mounted', async () => {
    const offered = new Plan({ ...plan(['true']).data, command: [], enter: [{ do: 'hostname', name: 'no-such' }] }, undefined)
    // The step has the same form as that of a host name, and is no option's.
    const bytes = Buffer.from(offered.encoded)
    bytes[bytes.indexOf(Buffer.from('\x07\0\0\0no-such')) - 1] = 28
    Object.defineProperty(offered, 'encoded', { value: bytes })
    await expect(launch(offered)).rejects.toMatchObject({ step: 'open the namespace', syscall: 'open', errno: 'ENOENT' })

    const map = [{ containerId: 0, hostId: 0, size: 10 }]
    const overlay = { lowers: ['/no/such'], options: [], uidMappings: map, gidMappings: map }
    await expect(native().mountOverlayInUserNamespace(overlay)).rejects.toMatchObject({
      step: 'mount the overlay',
      syscall: 'open',
      errno: 'ENOENT',
      path: '/no/such',
    })
  })

  test('bytes that are no plan are refused', async () => {
    const other = plan(['true'])
    Object.defineProperty(other, 'encoded', { value: Buffer.from('BXP1 of another version') })
    await expect(launch(other)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining('launch plan') })
  })

  test('after any of them the next launch works', async () => {
    const child = await spawn(['true'])
    expect((await child.exited).exitCode).toBe(0)
  })
})

function kindsOf(steps: readonly { readonly do: string }[]): string[] {
  return [...new Set(steps.map((step) => step.do))].toSorted()
}

const crates = join(__dirname, '../../../rust-native/crates')

function namesIn(file: string, pattern: RegExp): string[] {
  return [...readFileSync(join(crates, file), 'utf8').matchAll(pattern)].map(([, name = '']) => name)
}

/** What is not a step of a plan has its name where its failure is given one. */
function namesOfPhases(folder: string): string[] {
  return readdirSync(join(crates, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.rs'))
    .flatMap((name) => namesIn(join(folder, name), /during\((?:stop, )?"([^"]+)"\)/g))
}

describe('options that cannot be are refused before anything is started', () => {
  const table: readonly (readonly [string, readonly string[], SpawnOptions, string])[] = [
    ['no command', [], {}, 'command'],
    ['a NUL', ['a\0b'], {}, 'command'],
    ['an unknown kind', ['true'], { namespaces: JSON.parse('["net"]') }, 'namespaces'],
    ['a clock without a time namespace', ['true'], { timeOffsets: { boottime: { secs: 1 } } }, 'timeOffsets'],
    [
      'a clock with half a second',
      ['true'],
      { namespaces: ['time'], timeOffsets: { boottime: { secs: 0.5 } } },
      'timeOffsets.boottime.secs',
    ],
    ['a name for the host', ['true'], { hostname: 'x' }, 'hostname'],
    ['a long name', ['true'], { namespaces: ['uts'], hostname: 'x'.repeat(65) }, 'hostname'],
    ['a root without a mount namespace', ['true'], { root: { fd: 0 } }, 'root'],
    ['mounts without a mount namespace', ['true'], { mounts: [] }, 'mounts'],
    ['a target with ..', ['true'], { namespaces: ['mount'], mounts: [{ type: 'proc', target: '/a/../b' }] }, 'mounts.target'],
    ['a relative target', ['true'], { namespaces: ['mount'], mounts: [{ type: 'proc', target: 'proc' }] }, 'mounts.target'],
    ['a mount of another type', ['true'], { namespaces: ['mount'], mounts: JSON.parse('[{"type":"nfs","target":"/x"}]') }, 'mounts.type'],
    ['a negative user', ['true'], { user: { uid: -1, gid: 0 } }, 'user.uid'],
    ['the user that means none', ['true'], { user: { uid: 0xffff_ffff, gid: 0 } }, 'user.uid'],
    ['a fraction', ['true'], { user: { uid: 0.5, gid: 0 } }, 'user.uid'],
    ['an unknown capability', ['true'], { capabilities: JSON.parse('["CAP_ALL"]') }, 'capabilities'],
    ['an unknown limit', ['true'], { rlimits: JSON.parse('{"files":{"soft":1}}') }, 'rlimits'],
    ['a soft limit above the hard', ['true'], { rlimits: { nofile: { soft: 2, hard: 1 } } }, 'rlimits.nofile'],
    ['a sysctl that climbs', ['true'], { sysctls: { 'net/../kernel/core_pattern': 'x' } }, 'sysctls'],
    [
      'a sysctl of the host',
      ['true'],
      { namespaces: ['network', 'ipc', 'uts'], sysctls: { 'kernel.core_pattern': '|x' } },
      'kernel.core_pattern',
    ],
    ['a sysctl of the host’s network', ['true'], { namespaces: ['ipc'], sysctls: { 'net.ipv4.ip_forward': '1' } }, 'net.ipv4.ip_forward'],
    ['a sysctl of the host’s ipc', ['true'], { namespaces: ['network'], sysctls: { 'kernel/shmmax': '1' } }, 'kernel/shmmax'],
    ['a map without a user namespace', ['true'], { uidMappings: [] }, 'uidMappings'],
    ['an init without a pid namespace', ['true'], { init: true }, 'init'],
    ['too few streams', ['true'], { stdio: JSON.parse('["pipe"]') }, 'stdio'],
    ['too many streams', ['true'], { stdio: JSON.parse('["pipe", "pipe", "pipe", 0]') }, 'further ones are `descriptors`'],
    ['a further descriptor in the place of a stream', ['true'], { descriptors: { 2: 0 } }, 'descriptors: 2'],
    ['a further descriptor with a high number', ['true'], { descriptors: { 256: 0 } }, 'descriptors: 256'],
    ['a further descriptor with a name', ['true'], { descriptors: JSON.parse('{"three":0}') }, 'descriptors: "three"'],
    ['a further descriptor that is none', ['true'], { descriptors: { 3: -1 } }, 'descriptors.3'],
    ['a further descriptor that is a word', ['true'], { descriptors: JSON.parse('{"3":"pipe"}') }, 'descriptors.3'],
    ['a socket that is not open', ['true'], { descriptors: { 3: new Socket() } }, 'descriptors.3'],
    ['a variable with =', ['true'], { env: { 'A=B': 'c' } }, 'env'],
  ]
  test.each(table)('%s', (_title, command, options, named) => {
    expect(() => plan(command, options)).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
    )
  })
})

test('a failed launch leaves no folder mounted and no process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'box-fail-'))
  mkdirSync(join(folder, 'empty'))
  try {
    await expect(spawn(['true'], { cwd: join(folder, 'none') })).rejects.toMatchObject({ step: 'change the directory' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('a limit that is the reason is named, whatever step it stops', () => {
  test.each([
    ['open files', ['true'], { rlimits: { nofile: { soft: 4 } } }, 'EMFILE', 'rlimits.nofile'],
    ['the length of a word', ['true', 'x'.repeat(200_000)], {}, 'E2BIG', '128 KiB'],
  ] as const)('of %s', async (_title, command, options, errno, words) => {
    await expect(spawn(command, options)).rejects.toMatchObject({ errno, hint: expect.stringContaining(words) })
  })
})
