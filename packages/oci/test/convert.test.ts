import * as fc from 'fast-check'
import { type ImageProcess, imageProcess } from '../src/convert/process.ts'
import { resolveUser } from '../src/convert/user.ts'
import type { ImageConfig } from '../src/generated/types.ts'

function image(config: ImageConfig['config'], rest: Partial<ImageConfig> = {}): ImageConfig {
  return { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, config: config ?? null, ...rest }
}

describe('imageProcess', () => {
  test.each<[string, ImageConfig['config'], Parameters<typeof imageProcess>[1], Partial<ImageProcess>]>([
    ['nothing said', undefined, {}, { args: [], env: {}, cwd: '/', user: '', exposedPorts: [], volumes: [] }],
    [
      'null for everything',
      {
        Env: null,
        Cmd: null,
        Entrypoint: null,
        User: null,
        WorkingDir: null,
        ExposedPorts: null,
        Volumes: null,
        Labels: null,
        StopSignal: null,
      },
      {},
      { args: [], env: {}, cwd: '/', user: '' },
    ],
    ['entrypoint before command', { Entrypoint: ['a', 'b'], Cmd: ['c'] }, {}, { args: ['a', 'b', 'c'] }],
    ['a command alone', { Cmd: ['c'] }, {}, { args: ['c'] }],
    ['a command of the caller’s behind the image’s entrypoint', { Entrypoint: ['a'], Cmd: ['c'] }, { args: ['x'] }, { args: ['a', 'x'] }],
    [
      'an entrypoint of the caller’s without the image’s command',
      { Entrypoint: ['a'], Cmd: ['c'] },
      { entrypoint: ['x'] },
      { args: ['x'] },
    ],
    ['both of the caller’s', { Entrypoint: ['a'], Cmd: ['c'] }, { entrypoint: ['x'], args: ['y'] }, { args: ['x', 'y'] }],
    ['values with an equals sign, and empty ones', { Env: ['A=b=c', 'B='] }, {}, { env: { A: 'b=c', B: '' } }],
    ['a name twice', { Env: ['A=1', 'A=2'] }, {}, { env: { A: '2' } }],
    [
      'a name added, changed and taken away',
      { Env: ['A=1', 'B=2'] },
      { env: { A: undefined, B: '3', C: '4' } },
      { env: { B: '3', C: '4' } },
    ],
    ['an empty working folder', { WorkingDir: '' }, {}, { cwd: '/' }],
    ['the caller’s folder and user', { WorkingDir: '/a', User: 'u' }, { cwd: '/b', user: '5' }, { cwd: '/b', user: '5' }],
    ['a stop signal', { StopSignal: 'SIGRTMIN+3' }, {}, { stopSignal: 'SIGRTMIN+3' }],
    [
      'ports',
      { ExposedPorts: { '8080/tcp': {}, '53/udp': {}, '80': {}, '0/tcp': {}, '99999': {}, '../x': {} } },
      {},
      {
        exposedPorts: expect.arrayContaining([
          { port: 8080, protocol: 'tcp' },
          { port: 53, protocol: 'udp' },
          { port: 80, protocol: 'tcp' },
        ]),
      },
    ],
    ['volumes as they are written', { Volumes: { '/data/../../etc': {} } }, {}, { volumes: ['/data/../../etc'] }],
  ])('it gives %s', (_, config, overrides, wanted) => {
    expect(imageProcess(image(config), overrides)).toMatchObject(wanted)
  })

  test('labels become annotations and go before what other fields say', () => {
    const { annotations } = imageProcess(
      image(
        {
          Labels: { 'org.opencontainers.image.author': 'label', free: 'text' },
          StopSignal: 'SIGINT',
          ExposedPorts: { '1/tcp': {}, '2/udp': {} },
        },
        { author: 'field', created: '2026-01-02T03:04:05Z', variant: 'v3', 'os.version': '1', 'os.features': ['a', 'b'] },
      ),
    )
    expect(annotations).toEqual({
      free: 'text',
      'org.opencontainers.image.architecture': 'amd64',
      'org.opencontainers.image.author': 'label',
      'org.opencontainers.image.created': '2026-01-02T03:04:05Z',
      'org.opencontainers.image.exposedPorts': '1/tcp,2/udp',
      'org.opencontainers.image.os': 'linux',
      'org.opencontainers.image.os.features': 'a,b',
      'org.opencontainers.image.os.version': '1',
      'org.opencontainers.image.stopSignal': 'SIGINT',
      'org.opencontainers.image.variant': 'v3',
    })
  })

  test('a variable named like a property of every object is one like others', () => {
    const { env } = imageProcess(image({ Env: ['__proto__=x', 'constructor=y'] }))
    expect(Object.entries(env)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })
})

describe('resolveUser', () => {
  const passwd = [
    'root:x:0:0:root:/root:/bin/sh',
    'not a line',
    'broken:x:-1:0::/:/bin/sh',
    'huge:x:4294967295:0::/:/bin/sh',
    'app:x:1000:1001:App,,,:/home/app:/bin/sh',
    '1000:x:7:7::/seven:/bin/sh',
    '',
  ].join('\n')
  const group = [
    'root:x:0:',
    'app:x:1001:',
    'wheel:x:10:root,app',
    'video:x:44:app',
    'again:x:44:app',
    'own:x:1001:app',
    'bad:x:-5:app',
    'alone:x:77',
  ].join('\n')
  const app = { uid: 1000, name: 'app', home: '/home/app' }

  test.each([
    ['', { uid: 0, gid: 0, additionalGids: [10], name: 'root', home: '/root' }],
    ['root', { uid: 0, gid: 0, additionalGids: [10], name: 'root', home: '/root' }],
    ['app', { ...app, gid: 1001, additionalGids: [10, 44] }],
    ['1000', { ...app, gid: 1001, additionalGids: [10, 44] }],
    ['app:', { ...app, gid: 1001, additionalGids: [10, 44] }],
    ['app:video', { ...app, gid: 44, additionalGids: [] }],
    ['app:5', { ...app, gid: 5, additionalGids: [] }],
    ['1000:0', { ...app, gid: 0, additionalGids: [] }],
    ['2000', { uid: 2000, gid: 0, additionalGids: [] }],
    ['2000:3000', { uid: 2000, gid: 3000, additionalGids: [] }],
    ['4294967294', { uid: 4_294_967_294, gid: 0, additionalGids: [] }],
    ['007', { uid: 7, gid: 7, additionalGids: [], name: '1000', home: '/seven' }],
  ])('%j is %j', (user, wanted) => {
    expect(resolveUser(user, { passwd, group })).toEqual(wanted)
  })

  test.each([
    ['4294967295', 'ERR_BOX_INVALID_ARGUMENT'],
    ['0:4294967295', 'ERR_BOX_INVALID_ARGUMENT'],
    ['2147483648999999999999', 'ERR_BOX_INVALID_ARGUMENT'],
    ['nobody', 'ERR_BOX_NOT_FOUND'],
    ['app:nogroup', 'ERR_BOX_NOT_FOUND'],
    ['broken', 'ERR_BOX_NOT_FOUND'],
    ['huge', 'ERR_BOX_NOT_FOUND'],
    ['-1', 'ERR_BOX_NOT_FOUND'],
    ['0x0', 'ERR_BOX_NOT_FOUND'],
    ['+0', 'ERR_BOX_NOT_FOUND'],
    ['0 ', 'ERR_BOX_NOT_FOUND'],
    ['app:video:x', 'ERR_BOX_INVALID_ARGUMENT'],
    ['app\nroot', 'ERR_BOX_INVALID_ARGUMENT'],
    ['a'.repeat(300), 'ERR_BOX_INVALID_ARGUMENT'],
  ])('%j is refused with %s', (user, code) => {
    expect(() => resolveUser(user, { passwd, group })).toThrow(expect.objectContaining({ code }))
  })

  test('without databases ids are taken as they are', () => {
    expect(resolveUser('')).toEqual({ uid: 0, gid: 0, additionalGids: [] })
    expect(resolveUser('5:6')).toEqual({ uid: 5, gid: 6, additionalGids: [] })
    expect(() => resolveUser('app')).toThrow('not in the root')
  })

  test('databases without end are refused', () => {
    expect(() => resolveUser('0', { passwd: 'x'.repeat(5 * 1024 * 1024) })).toThrow(expect.objectContaining({ code: 'ERR_BOX_LIMIT' }))
    const many = Array.from({ length: 70_000 }, (_, id) => `g${id}:x:${id}:app`).join('\n')
    expect(() => resolveUser('app', { passwd, group: many })).toThrow(expect.objectContaining({ code: 'ERR_BOX_LIMIT' }))
  })

  test('no text of any kind gives an id that is not one', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.bigInt().map(String),
          fc.tuple(fc.nat(), fc.string()).map((parts) => parts.join(':')),
        ),
        fc.string(),
        (user, text) => {
          try {
            const { uid, gid } = resolveUser(user, { passwd: `${passwd}\n${text}`, group: text })
            for (const id of [uid, gid]) expect(Number.isSafeInteger(id) && id >= 0 && id < 2 ** 32 - 1).toBe(true)
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(INVALID_ARGUMENT|NOT_FOUND)$/) })
          }
        },
      ),
    )
  })
})
