import { mappedFromZero, privilegesOf } from '../src/privileges.ts'

const status = (uid: number, capabilities: string): string =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\nSeccomp:\t0\n`
const all = 4_294_967_295
const full = '000001ffffffffff'

describe('privileges', () => {
  test.each([
    ['root', status(0, full), all, [true, true, true]],
    ['an ordinary user', status(1000, '0000000000000000'), all, [false, false, false]],
    ['root of a container as Docker makes it, without CAP_SYS_ADMIN', status(0, '00000000a80425fb'), all, [true, true, false]],
    ['root without CAP_MKNOD', status(0, '00000000a00425fb'), all, [true, false, false]],
    ['id 0 of a user namespace with one id', status(0, full), 1, [false, false, false]],
    ['id 0 of a user namespace with a range of ids', status(0, full), 65_536, [true, false, false]],
    ['an ordinary user with inherited capabilities', status(1000, full), all, [false, false, false]],
  ])('%s', (_who, text, mapped, [keepsOwners, makesDevices, isHostRoot]) => {
    expect(privilegesOf(text, mapped)).toEqual({ keepsOwners, makesDevices, isHostRoot })
  })

  test.each([
    ['         0          0 4294967295\n', all],
    ['         0       1000          1\n', 1],
    ['         0       1000          1\n         1     100000      65536\n', 1],
    ['      1000       1000          1\n', 0],
    ['', 0],
  ])('the map %j', (map, expected) => {
    expect(mappedFromZero(map)).toBe(expected)
  })
})
