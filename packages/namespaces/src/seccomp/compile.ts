import { BoxError, refuseUnknownOptions } from '@box/core'

import { seccompArgumentOptions, seccompOptions, seccompRuleOptions } from '../option-names.ts'
import type { SeccompAction, SeccompFlag, SeccompProfile, SeccompRule } from '../seccomp.ts'
import { compare, ProgramWriter, type Place } from './bpf.ts'
import { writeCondition } from './conditions.ts'
import { syscallNumbers, type FilterArchitecture } from './syscalls.ts'

/** A filter as seccomp(2), SECCOMP_SET_MODE_FILTER, takes it. */
export interface SeccompFilter {
  /** `SECCOMP_FILTER_FLAG_…`, together. */
  readonly flags: number
  /** An array of `struct sock_filter`. */
  readonly program: Uint8Array
}

// struct seccomp_data (seccomp(2))
const numberOffset = 0
const architectureOffset = 4

const auditArchitectures: Readonly<Record<FilterArchitecture, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 }

/** Calls of the x32 interface come with this bit under the architecture of x86_64. */
const x32Bit = 0x4000_0000

/** The longest program that the kernel takes (BPF_MAXINSNS). */
const longest = 4096

const flagBits: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
}

const killProcess = 0x8000_0000
const EPERM = 1
const ENOSYS = 38

const compiled = new WeakMap<SeccompProfile, SeccompFilter>()

/**
 * Compiles a profile to a program that finds a system call by binary search: the kernel runs a filter once for each call that it
 * knows when the filter is attached, so that a list would cost ten times as much. A profile object is compiled once.
 *
 * Of several rules for a call those with conditions are tried first, in their order; then the first without. Calls of another architecture
 * kill the process, those of x32 fail with ENOSYS.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an action, operator or argument that is none; `ERR_BOX_UNSUPPORTED` on another architecture.
 */
export function compileSeccomp(profile: SeccompProfile, architecture: string = process.arch): SeccompFilter {
  if (architecture !== 'x64' && architecture !== 'arm64') {
    throw new BoxError('ERR_BOX_UNSUPPORTED', `system calls of ${architecture} cannot be filtered: the compiler knows x64 and arm64`)
  }
  const known = architecture === process.arch ? compiled.get(profile) : undefined
  if (known !== undefined) return known
  check(profile)
  const filter = { flags: flagsOf(profile.flags ?? []) | listenerFlags(profile), program: compile(profile, architecture) }
  if (architecture === process.arch) compiled.set(profile, filter)
  return filter
}

/**
 * A field that is not known is mostly a condition: the profiles that Docker and podman keep have `includes` and `excludes` of capabilities and
 * kernels, which say whether a rule is there at all.
 */
function check(profile: SeccompProfile): void {
  refuseUnknownOptions('seccomp', profile, seccompOptions)
  for (const rule of profile.syscalls ?? []) {
    refuseUnknownOptions('seccomp.syscalls', rule, seccompRuleOptions)
    if (rule.names === undefined) throw invalid('list of names', rule.names)
    for (const argument of rule.args ?? []) refuseUnknownOptions('seccomp.syscalls.args', argument, seccompArgumentOptions)
  }
}

function compile(profile: SeccompProfile, architecture: FilterArchitecture): Uint8Array {
  const writer = new ProgramWriter()
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet)
  writer.return(fallback)
  const ranges = rangesOf(profile, architecture).map(({ first, rules }) => ({ first, place: writeRules(writer, rules, fallback) }))
  let start = writeSearch(writer, ranges)
  if (architecture === 'x64') start = writer.branch(compare.atLeast, x32Bit, writer.return(actionValue('SCMP_ACT_ERRNO', ENOSYS)), start)
  start = writer.goto(start)
  const number = writer.load(numberOffset)
  writer.branch(compare.equal, auditArchitectures[architecture], number, writer.return(killProcess))
  writer.load(architectureOffset)
  if (writer.length > longest) {
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the filter has ${writer.length} instructions, the kernel takes ${longest}`, {
      hint: 'use fewer conditions on arguments',
    })
  }
  return writer.toBytes()
}

/** System calls from `first` on that are treated alike, up to the next range. */
interface Range {
  readonly first: number
  readonly rules: readonly SeccompRule[]
}

function rangesOf(profile: SeccompProfile, architecture: FilterArchitecture): Range[] {
  const numbers = syscallNumbers(architecture)
  const byNumber = new Map<number, SeccompRule[]>()
  for (const rule of profile.syscalls ?? []) {
    for (const name of rule.names) {
      const number = numbers.get(name)
      if (number === undefined) continue
      const rules = byNumber.get(number)
      if (rules === undefined) byNumber.set(number, [rule])
      else rules.push(rule)
    }
  }
  const ranges: Range[] = [{ first: 0, rules: [] }]
  const add = (first: number, rules: readonly SeccompRule[]): void => {
    const last = ranges.at(-1)
    if (last !== undefined && last.first === first) ranges.pop()
    const previous = ranges.at(-1)
    if (previous === undefined || !alike(previous.rules, rules)) ranges.push({ first, rules })
  }
  for (const [number, rules] of [...byNumber].toSorted(([one], [other]) => one - other)) {
    add(number, rules)
    add(number + 1, [])
  }
  return ranges
}

/** Calls without conditions are alike when their first rules do the same. */
function alike(one: readonly SeccompRule[], other: readonly SeccompRule[]): boolean {
  if (one.length === 0 || other.length === 0) return one.length === other.length
  if (one.some(isConditional) || other.some(isConditional))
    return one.length === other.length && one.every((rule, index) => rule === other[index])
  const [first, second] = [one[0], other[0]]
  return first !== undefined && second !== undefined && valueOf(first) === valueOf(second)
}

function isConditional(rule: SeccompRule): boolean {
  return (rule.args?.length ?? 0) > 0
}

function writeRules(writer: ProgramWriter, rules: readonly SeccompRule[], fallback: number): Place {
  const unconditional = rules.find((rule) => !isConditional(rule))
  let next = writer.return(unconditional === undefined ? fallback : valueOf(unconditional))
  for (const rule of rules.filter(isConditional).toReversed()) {
    const otherwise = next
    next = writer.return(valueOf(rule))
    for (const argument of rule.args ?? []) {
      if (!Number.isInteger(argument.index) || argument.index < 0 || argument.index > 5) throw invalid('argument index', argument.index)
      next = writeCondition(writer, argument, next, otherwise)
    }
  }
  return next
}

/** A balanced tree over the ranges. */
function writeSearch(writer: ProgramWriter, ranges: readonly { readonly first: number; readonly place: Place }[]): Place {
  const middle = Math.floor(ranges.length / 2)
  const [upper] = ranges.slice(middle)
  if (upper === undefined) throw new RangeError('a search needs a range')
  if (middle === 0) return upper.place
  const above = writeSearch(writer, ranges.slice(middle))
  const below = writeSearch(writer, ranges.slice(0, middle))
  return writer.branch(compare.atLeast, upper.first, above, below)
}

function valueOf(rule: SeccompRule): number {
  return actionValue(rule.action, rule.errnoRet)
}

function actionValue(action: SeccompAction, errno: number | undefined): number {
  const data = errno ?? EPERM
  if (!Number.isInteger(data) || data < 0 || data > 0xffff) throw invalid('error number', data)
  switch (action) {
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return 0
    case 'SCMP_ACT_KILL_PROCESS':
      return killProcess
    case 'SCMP_ACT_TRAP':
      return 0x0003_0000
    case 'SCMP_ACT_ERRNO':
      return 0x0005_0000 | data
    case 'SCMP_ACT_TRACE':
      return 0x7ff0_0000 | data
    case 'SCMP_ACT_LOG':
      return 0x7ffc_0000
    case 'SCMP_ACT_NOTIFY':
      return 0x7fc0_0000
    case 'SCMP_ACT_ALLOW':
      return 0x7fff_0000
    default:
      throw invalid('seccomp action', action)
  }
}

function flagsOf(flags: readonly SeccompFlag[]): number {
  return flags.reduce((bits, flag) => {
    if (!Object.hasOwn(flagBits, flag)) throw invalid('seccomp flag', flag)
    return bits | flagBits[flag]
  }, 0)
}

/** SECCOMP_FILTER_FLAG_NEW_LISTENER, and WAIT_KILLABLE_RECV: a signal does not make a call happen twice. */
export const listenerBits: number = 8 | 32

/** The child sends the listener over its channel when the filter is in force already: that call must not wait for the listener. */
function listenerFlags(profile: SeccompProfile): number {
  const rules = profile.syscalls ?? []
  const notifies = [profile.defaultAction, ...rules.map(({ action }) => action)].includes('SCMP_ACT_NOTIFY')
  if (!notifies) return 0
  if (profile.flags?.includes('SECCOMP_FILTER_FLAG_TSYNC') === true)
    throw invalid('seccomp flag beside SCMP_ACT_NOTIFY', 'SECCOMP_FILTER_FLAG_TSYNC')
  const sending = rules.filter(({ names }) => names.includes('sendmsg')).map(({ action }) => action)
  if (sending.length === 0) sending.push(profile.defaultAction)
  if (sending.some((action) => action !== 'SCMP_ACT_ALLOW' && action !== 'SCMP_ACT_LOG'))
    throw new BoxError(
      'ERR_BOX_INVALID_ARGUMENT',
      'seccomp: a filter with SCMP_ACT_NOTIFY must allow sendmsg, by which its listener reaches the caller',
    )
  return listenerBits
}

function invalid(what: string, value: unknown): BoxError {
  return new BoxError('ERR_BOX_INVALID_ARGUMENT', `seccomp: ${JSON.stringify(value)} is not a ${what}`)
}
