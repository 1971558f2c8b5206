import fc from 'fast-check'

import type { SeccompAction, SeccompArgument, SeccompProfile, SeccompRule } from '../../src/seccomp.ts'
import { compileSeccomp } from '../../src/seccomp/compile.ts'
import { defaultSeccompProfile } from '../../src/seccomp/default-profile.ts'
import { syscallNumbers } from '../../src/seccomp/syscalls.ts'
import { runFilter } from './interpreter.ts'

const x64 = 0xc000_003e
const allow = 0x7fff_0000
const errno = (number: number): number => 0x0005_0000 | number
const numbers = syscallNumbers('x64')

function decide(profile: SeccompProfile, name: string, args: readonly bigint[] = []): number {
  return runFilter(compileSeccomp(profile, 'x64').program, { architecture: x64, number: numbers.get(name) ?? -1, args })
}

test('the default profile allows what programs need and refuses what reaches out of a container', () => {
  for (const name of ['read', 'openat', 'execve', 'futex', 'ptrace', 'chroot', 'file_setattr'])
    expect(decide(defaultSeccompProfile, name)).toBe(allow)
  for (const name of ['mount', 'bpf', 'kexec_load', 'init_module', 'setns', 'unshare', 'keyctl', 'io_uring_setup', 'open_by_handle_at']) {
    expect([name, decide(defaultSeccompProfile, name)]).toEqual([name, errno(1)])
  }
  expect(decide(defaultSeccompProfile, 'clone3')).toBe(errno(38))
  expect(decide(defaultSeccompProfile, 'clone', [0x0120_0011n])).toBe(allow)
  expect(decide(defaultSeccompProfile, 'clone', [0x1000_0011n])).toBe(errno(1))
  expect(decide(defaultSeccompProfile, 'ioctl', [0n, 0x5412n])).toBe(errno(1))
  expect(decide(defaultSeccompProfile, 'ioctl', [0n, 0x1_0000_5412n])).toBe(errno(1))
  expect(decide(defaultSeccompProfile, 'ioctl', [0n, 0x5413n])).toBe(allow)
  expect(decide(defaultSeccompProfile, 'socket', [40n])).toBe(errno(1))
  expect(decide(defaultSeccompProfile, 'socket', [2n])).toBe(allow)
  expect(decide(defaultSeccompProfile, 'personality', [0xffff_ffffn])).toBe(allow)
  expect(decide(defaultSeccompProfile, 'personality', [0x0040_0000n])).toBe(errno(1))
})

test('a call that nobody knows fails as if the kernel did not have it, and calls of other architectures end the process', () => {
  const { program } = compileSeccomp(defaultSeccompProfile, 'x64')
  expect(runFilter(program, { architecture: x64, number: 1000 })).toBe(errno(38))
  expect(runFilter(program, { architecture: x64, number: 0x4000_0000 })).toBe(errno(38))
  expect(runFilter(program, { architecture: 0x4000_0003, number: 1 })).toBe(0x8000_0000)
})

test('the search takes no more comparisons than a balanced tree has levels', () => {
  expect(compileSeccomp(defaultSeccompProfile, 'x64').program.length / 8).toBeLessThan(250)
  expect(compileSeccomp(defaultSeccompProfile, 'arm64').program.length / 8).toBeLessThan(250)
})

test('the tables have every number once, and those of both architectures agree on the names that both have', () => {
  const [x64Calls, arm64Calls] = [syscallNumbers('x64'), syscallNumbers('arm64')]
  expect([x64Calls.size, arm64Calls.size]).toEqual([382, 325])
  for (const calls of [x64Calls, arm64Calls]) expect(new Set(calls.values()).size).toBe(calls.size)
  expect([x64Calls.get('rt_sigprocmask'), arm64Calls.get('rt_sigprocmask')]).toEqual([14, 135])
  for (const name of ['clone3', 'openat2', 'file_setattr']) expect(arm64Calls.get(name)).toBe(x64Calls.get(name))
})

test('a profile is compiled once', () => {
  expect(compileSeccomp(defaultSeccompProfile)).toBe(compileSeccomp(defaultSeccompProfile))
})

const words = fc.oneof(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), fc.constantFrom(0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 0xffff_ffff_ffff_ffffn))
const operators = ['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'] as const
const argument = fc.record({ index: fc.nat(5), value: words, valueTwo: words, op: fc.constantFrom(...operators) })
const names = [...numbers.keys()]
const rule = fc.record({
  names: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 12 }),
  action: fc.constantFrom<SeccompAction>('SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_LOG'),
  errnoRet: fc.nat(133),
  args: fc.array(argument, { maxLength: 3 }),
})

test('a compiled filter decides as the profile says', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 60 }),
      fc.constantFrom(...names),
      fc.array(words, { minLength: 6, maxLength: 6 }),
      (syscalls, name, args) => {
        const profile: SeccompProfile = { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 99, syscalls }
        expect(decide(profile, name, args)).toBe(expected(syscalls, name, args))
        const [first] = syscalls
        if (first?.names[0] !== undefined) expect(decide(profile, first.names[0], args)).toBe(expected(syscalls, first.names[0], args))
      },
    ),
    { numRuns: 300 },
  )
})

function expected(rules: readonly SeccompRule[], name: string, args: readonly bigint[]): number {
  const mine = rules.filter((candidate) => candidate.names.includes(name))
  const conditions = (candidate: SeccompRule): readonly SeccompArgument[] => candidate.args ?? []
  const chosen =
    mine.find((candidate) => conditions(candidate).length > 0 && conditions(candidate).every((one) => holds(one, args[one.index] ?? 0n))) ??
    mine.find((candidate) => conditions(candidate).length === 0)
  switch (chosen?.action) {
    case 'SCMP_ACT_ALLOW':
      return allow
    case 'SCMP_ACT_KILL_PROCESS':
      return 0x8000_0000
    case 'SCMP_ACT_LOG':
      return 0x7ffc_0000
    default:
      return errno(chosen === undefined ? 99 : (chosen.errnoRet ?? 1))
  }
}

function holds({ op, value, valueTwo }: SeccompArgument, actual: bigint): boolean {
  const wanted = BigInt(value)
  switch (op) {
    case 'SCMP_CMP_NE':
      return actual !== wanted
    case 'SCMP_CMP_LT':
      return actual < wanted
    case 'SCMP_CMP_LE':
      return actual <= wanted
    case 'SCMP_CMP_EQ':
      return actual === wanted
    case 'SCMP_CMP_GE':
      return actual >= wanted
    case 'SCMP_CMP_GT':
      return actual > wanted
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & wanted) === BigInt(valueTwo ?? 0)
  }
}

test.each<[string, SeccompProfile]>([
  ['an action', { defaultAction: 'SCMP_ACT_SOMETHING' as SeccompAction }],
  ['an error number', { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: -1 }],
  [
    'an argument',
    {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }],
    },
  ],
])('%s that is none is an error', (_, profile) => {
  expect(() => compileSeccomp(profile, 'x64')).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})
