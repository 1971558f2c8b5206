import type { SeccompArgument } from '../seccomp.ts'
import { invalid } from '../plan/invalid.ts'
import { compare, type Place, type ProgramWriter } from './bpf.ts'

/** Where the six arguments begin in `struct seccomp_data`: 64 bits each, the lower half first. */
const firstArgument = 16

/** Writes the test of one argument (runtime-spec, config-linux.md, "Seccomp"; the operators are those of seccomp_rule_add(3)). */
export function writeCondition(writer: ProgramWriter, argument: SeccompArgument, whenTrue: Place, whenFalse: Place): Place {
  const value = halves(argument.value)
  switch (argument.op) {
    case 'SCMP_CMP_EQ':
      return equal(writer, argument.index, value, whenTrue, whenFalse)
    case 'SCMP_CMP_NE':
      return equal(writer, argument.index, value, whenFalse, whenTrue)
    case 'SCMP_CMP_MASKED_EQ':
      return equal(writer, argument.index, halves(argument.valueTwo ?? 0), whenTrue, whenFalse, value)
    case 'SCMP_CMP_GT':
      return ordered(writer, argument.index, value, compare.greater, whenTrue, whenFalse)
    case 'SCMP_CMP_GE':
      return ordered(writer, argument.index, value, compare.atLeast, whenTrue, whenFalse)
    case 'SCMP_CMP_LE':
      return ordered(writer, argument.index, value, compare.greater, whenFalse, whenTrue)
    case 'SCMP_CMP_LT':
      return ordered(writer, argument.index, value, compare.atLeast, whenFalse, whenTrue)
    default:
      throw invalid('seccomp.syscalls.args.op', argument.op, 'an operator: SCMP_CMP_NE, LT, LE, EQ, GE, GT or MASKED_EQ')
  }
}

interface Halves {
  readonly low: number
  readonly high: number
}

function halves(value: number | bigint): Halves {
  if (value === undefined) throw invalid('seccomp.syscalls.args.value', value, 'a whole number')
  const bits = BigInt.asUintN(64, BigInt(value))
  return { low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n) }
}

function equal(writer: ProgramWriter, index: number, value: Halves, same: Place, other: Place, mask?: Halves): Place {
  const low = half(writer, index, 'low', mask, () => writer.branch(compare.equal, value.low, same, other))
  return half(writer, index, 'high', mask, () => writer.branch(compare.equal, value.high, low, other))
}

/** The upper halves decide unless they are equal. */
function ordered(writer: ProgramWriter, index: number, value: Halves, comparison: number, whenTrue: Place, whenFalse: Place): Place {
  const low = half(writer, index, 'low', undefined, () =>
    comparison === compare.greater
      ? writer.branch(compare.greater, value.low, whenTrue, whenFalse)
      : writer.branch(compare.atLeast, value.low, whenTrue, whenFalse),
  )
  return half(writer, index, 'high', undefined, () => {
    const notGreater = writer.branch(compare.equal, value.high, low, whenFalse)
    return writer.branch(compare.greater, value.high, whenTrue, notGreater)
  })
}

/** Loads one half of an argument, masked where there is a mask, in front of what `test` writes. */
function half(writer: ProgramWriter, index: number, which: keyof Halves, mask: Halves | undefined, test: () => Place): Place {
  test()
  if (mask !== undefined) writer.and(mask[which])
  return writer.load(firstArgument + index * 8 + (which === 'high' ? 4 : 0))
}
