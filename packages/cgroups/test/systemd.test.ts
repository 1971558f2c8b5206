import { checkLimits } from '../src/check.ts'
import { Cgroup, type Limits } from '../src/index.ts'
import { marshal } from '../src/systemd/dbus/marshal.ts'
import { Decoder } from '../src/systemd/dbus/message.ts'
import { unmarshal } from '../src/systemd/dbus/unmarshal.ts'
import { typesOf, Variant, type Value } from '../src/systemd/dbus/value.ts'
import { Manager } from '../src/systemd/manager.ts'
import { propertiesOf } from '../src/systemd/properties.ts'
import { unitName } from '../src/systemd/scope.ts'
import { Peer, type Answer } from './dbus-peer.ts'

/** What busctl 252 sends: `busctl call … StartTransientUnit ssa(sv)a(sa(sv)) a.scope fail 4 PIDs au 2 7 258 Delegate b true CPUWeight t 50 Description s ä 0`. */
const recorded = {
  head:
    '6c0104019800000002000000b600000001016f00190000002f6f72672f667265656465736b746f702f73797374656d643100000000000000030173001200000053746172745472616e73' +
    '69656e74556e697400000000000002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e61676572000000000000000006017300180000006f72672e' +
    '667265656465736b746f702e73797374656d6431000000000000000008016700107373612873762961287361287376292900',
  body:
    '07000000612e73636f706500040000006661696c00000000730000000000000004000000504944730002617500000000080000000700000002010000000000000800000044656c656761' +
    '746500016200010000000000000009000000435055576569676874000174000000000000000032000000000000000b0000004465736372697074696f6e000173000002000000c3a40000' +
    '00000000',
}
const values: readonly Value[] = [
  'a.scope',
  'fail',
  [
    ['PIDs', new Variant('au', [7, 258])],
    ['Delegate', new Variant('b', true)],
    ['CPUWeight', new Variant('t', 50n)],
    ['Description', new Variant('s', 'ä')],
  ],
  [],
]
const signature = 'ssa(sv)a(sa(sv))'

describe('messages of D-Bus', () => {
  test('values become the bytes that other programs send', () => {
    expect(marshal(signature, values).toString('hex')).toBe(recorded.body)
    expect(unmarshal(signature, Buffer.from(recorded.body, 'hex'))).toEqual(values)
  })

  test('a stream is cut into messages, however its bytes arrive', () => {
    const bytes = Buffer.from(recorded.head.padEnd(2 * Math.ceil(recorded.head.length / 16) * 8, '0') + recorded.body, 'hex')
    const twice = Buffer.concat([bytes, bytes])
    for (const size of [1, 7, 64, twice.length]) {
      const decoder = new Decoder()
      const heard = []
      for (let at = 0; at < twice.length; at += size) heard.push(...decoder.push(twice.subarray(at, at + size)))
      expect(heard).toHaveLength(2)
      for (const message of heard)
        expect(message).toMatchObject({ kind: 1, serial: 2, member: 'StartTransientUnit', path: '/org/freedesktop/systemd1', body: values })
    }
  })

  test.each([
    ['ybnqiuxtds', [255, true, -2, 65_535, -3, 4_294_967_295, -(2n ** 63n), 2n ** 64n - 1n, 0.5, '']],
    ['a{sv}aaay', [[['k', new Variant('(sv)', ['x', new Variant('ao', ['/a'])])]], [[[1, 2], []], []]]],
    ['gog', ['a{s(iv)}', '/', '']],
  ] as const)('%s is read back as it was written', (types, written) => {
    expect(unmarshal(types, marshal(types, written))).toEqual(written)
  })

  test.each(['(', 'a', 'a{', '()(', 'z', '('.repeat(100)])('%j is no signature', (types) => {
    expect(() => typesOf(types)).toThrow(expect.objectContaining({ code: 'ERR_BOX_SYSTEM' }))
  })

  test('any bytes are values or an error', () => {
    let seed = 1
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const whole = Buffer.from(recorded.body, 'hex')
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(whole.subarray(0, random(whole.length + 1)))
      for (let change = random(4); change > 0 && bytes.length > 0; change--) bytes[random(bytes.length)] = random(256)
      try {
        unmarshal(signature, bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_BOX_SYSTEM' })
      }
    }
  })
})

const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('a service manager', () => {
  let peer: Peer
  beforeEach(() => (peer = new Peer()))
  afterEach(() => peer.close())

  const usual: Readonly<Record<string, Answer>> = {
    Subscribe: { reply: ['', []] },
    StartTransientUnit: {
      reply: ['o', ['/job/7']],
      jobs: [
        ['/job/6', 'failed'],
        ['/job/7', 'done'],
      ],
    },
  }
  const start = async (timeout = 20_000): Promise<void> =>
    await Manager.with({ user: false, bus: peer.path }, timeout, (manager) =>
      manager.startTransientUnit('a.scope', [['Delegate', 'b', true]]),
    )

  test('a unit has started when its job is done, whatever other jobs do', async () => {
    await peer.listen(usual)
    await start()
    expect(peer.calls.map(({ member }) => member)).toEqual(['Hello', 'AddMatch', 'Subscribe', 'StartTransientUnit'])
    expect(peer.calls.at(-1)?.body).toEqual(['a.scope', 'fail', [['Delegate', new Variant('b', true)]], []])
  })

  test.each<[string, Answer, string]>([
    ['a job that fails', { reply: ['o', ['/job/7']], jobs: [['/job/7', 'failed']] }, 'ERR_BOX_SYSTEM'],
    ['a unit of that name', { error: 'org.freedesktop.systemd1.UnitExists' }, 'ERR_BOX_CGROUP_EXISTS'],
    ['no right to ask', { error: 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired' }, 'ERR_BOX_PERMISSION'],
    ['a property that it does not know', { error: 'org.freedesktop.DBus.Error.PropertyReadOnly' }, 'ERR_BOX_INVALID_ARGUMENT'],
    ['an end before the answer', { hangUp: true }, 'ERR_BOX_SYSTEM'],
    ['bytes that are no message', { raw: Buffer.alloc(32, 'x') }, 'ERR_BOX_SYSTEM'],
    ['a message that is too large', { raw: Buffer.concat([Buffer.from('l'), Buffer.alloc(31, 0xff)]) }, 'ERR_BOX_SYSTEM'],
  ])('%s is an error of its kind', async (_, answer, code) => {
    await peer.listen({ ...usual, StartTransientUnit: answer })
    await expect(start()).rejects.toMatchObject({ code })
  })

  test('silence is an error after the time allowed', async () => {
    await peer.listen({ ...usual, StartTransientUnit: {} })
    await expect(start(200)).rejects.toMatchObject({ code: 'ERR_BOX_TIMEOUT' })
  })

  test('one that does not let this user in is an error', async () => {
    await peer.listen(usual, 'REJECTED EXTERNAL\r\n')
    await expect(start()).rejects.toMatchObject({ code: 'ERR_BOX_PERMISSION', path: peer.path })
  })

  test('without one a group is not made, and neither where two places are named', async () => {
    const absent = { bus: `${peer.folder}/absent` }
    await expect(Cgroup.create('box-groups-none', {}, { systemd: absent })).rejects.toMatchObject({
      code: 'ERR_BOX_UNSUPPORTED',
      path: absent.bus,
    })
    await expect(Cgroup.create('box-groups-none', {}, { systemd: absent, parent: '/' })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
    await expect(Cgroup.create('box-groups-none', {}, { systemd: { ...absent, slice: 'a/b.slice' } })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
  })
})

test.each<[Limits, Readonly<Record<string, bigint>>]>([
  [{}, {}],
  [
    { cpus: 0.5, cpu: { weight: 20 } },
    { CPUWeight: 20n, CPUQuotaPerSecUSec: 500_000n, CPUQuotaPeriodUSec: 100_000n },
  ],
  [
    { cpus: 'max', cpu: { shares: 1024 } },
    { CPUWeight: 100n, CPUQuotaPerSecUSec: 2n ** 64n - 1n },
  ],
  [{ cpus: 0.5, cpu: { burst: 10, idle: true } }, { CPUWeight: 0n }],
  [{ memory: { max: 1 << 20, min: 5, low: 6, swap: 0 } }, { MemoryMin: 5n, MemoryLow: 6n, MemoryMax: 5n << 20n, MemorySwapMax: 0n }],
  [
    { pids: 7, io: { weight: 50 } },
    { TasksMax: 8n, IOWeight: 50n },
  ],
  [
    { pids: 'max', memory: 'max' },
    { TasksMax: 2n ** 64n - 1n, MemoryMax: 2n ** 64n - 1n },
  ],
])('the limits %j become properties of a unit', (limits, expected) => {
  const properties = propertiesOf(checkLimits(limits))
  expect(properties.every(([, type]) => type === 't')).toBe(true)
  expect(Object.fromEntries(properties.map(([name, , value]) => [name, value]))).toEqual(expected)
})

test.each([
  ['build-42', 'build-42.scope'],
  ['a b@c', 'a\\x20b\\x40c.scope'],
  ['.ä', '\\x2e\\xc3\\xa4.scope'],
])('the group %j is in the unit %s', (name, unit) => {
  expect(unitName(name)).toBe(unit)
})
