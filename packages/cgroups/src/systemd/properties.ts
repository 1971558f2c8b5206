import type { Amount, CheckedLimits } from '../checked.ts'
import { blkioToIoWeight, sharesToWeight } from '../weights.ts'
import type { Property } from './manager.ts'

/** What the process that holds a scope may take besides the group. */
const held = { tasks: 1, memory: 4 << 20 }

/** "No limit", and "no weight", of a property that is a number of 64 bits. */
const infinity = 2n ** 64n - 1n

/**
 * Limits as properties of the unit that a group is in (systemd.resource-control(5)). The group itself has all its limits; what the unit has besides
 * decides beside its neighbours (weights, protection of memory), and is what systemctl(1) shows. Only what was asked for is named.
 */
export function propertiesOf(limits: CheckedLimits): Property[] {
  const { cpu, memory, pids, io } = limits
  const properties: Property[] = []
  const number = (name: string, value: bigint | undefined): void => {
    if (value !== undefined) properties.push([name, 't', value])
  }
  const weight = cpu.weight ?? (cpu.shares === undefined ? undefined : sharesToWeight(cpu.shares))
  // The weight 0 is systemd's word for an idle group.
  number('CPUWeight', cpu.idle === true ? 0n : weight === undefined ? undefined : BigInt(weight))
  // A quota above would not let the group spend what it has saved up.
  if (cpu.burst === undefined) {
    number(
      'CPUQuotaPerSecUSec',
      amountOf(cpu.quota, (quota) => (BigInt(quota) * 1_000_000n) / BigInt(cpu.period)),
    )
    if (typeof cpu.quota === 'number') number('CPUQuotaPeriodUSec', BigInt(cpu.period))
  }
  number('MemoryMin', amountOf(memory.min, BigInt))
  number('MemoryLow', amountOf(memory.low, BigInt))
  number(
    'MemoryMax',
    amountOf(memory.max, (max) => BigInt(max + held.memory)),
  )
  number('MemorySwapMax', amountOf(memory.swap, BigInt))
  number(
    'TasksMax',
    amountOf(pids, (most) => BigInt(most + held.tasks)),
  )
  const share = io.weight ?? (io.blkioWeight === undefined ? undefined : blkioToIoWeight(io.blkioWeight))
  number('IOWeight', share === undefined ? undefined : BigInt(share))
  return properties
}

/** What a property is where nobody has set it. */
export function unset([name, signature]: Property): Property {
  return [name, signature, name === 'MemoryMin' || name === 'MemoryLow' ? 0n : infinity]
}

function amountOf(amount: Amount | undefined, convert: (amount: number) => bigint): bigint | undefined {
  return amount === undefined ? undefined : amount === 'max' ? infinity : convert(amount)
}
