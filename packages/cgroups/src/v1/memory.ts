import type { Amount, CheckedMemory } from '../checked.ts'
import { unsupported, type Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/memory.rst. */
export function memoryWrites(memory: CheckedMemory): Write[] {
  for (const field of ['high', 'min', 'oomGroup'] as const)
    if (memory[field] !== undefined && memory[field] !== false) throw unsupported(`memory.${field}`, 'cgroup v1 has no such limit')
  const { max, low, swap, kernelTcp, swappiness, disableOomKiller } = memory
  const writes: Write[] = []
  if (max !== undefined) writes.push({ file: 'memory.limit_in_bytes', value: bytes(max), field: 'memory' })
  if (swap !== undefined) writes.push({ file: 'memory.memsw.limit_in_bytes', value: bytes(withSwap(max, swap)), field: 'memory.swap' })
  if (low !== undefined) writes.push({ file: 'memory.soft_limit_in_bytes', value: bytes(low), field: 'memory.low' })
  if (kernelTcp !== undefined) writes.push({ file: 'memory.kmem.tcp.limit_in_bytes', value: bytes(kernelTcp), field: 'memory.kernelTcp' })
  if (swappiness !== undefined) writes.push({ file: 'memory.swappiness', value: `${swappiness}`, field: 'memory.swappiness' })
  if (disableOomKiller !== undefined)
    writes.push({ file: 'memory.oom_control', value: disableOomKiller ? '1' : '0', field: 'memory.disableOomKiller' })
  return writes
}

/** v1 limits memory and swap together, never swap alone. */
function withSwap(max: Amount | undefined, swap: Amount): Amount {
  if (swap === 'max') return swap
  if (max === undefined || max === 'max')
    throw unsupported('memory.swap', 'cgroup v1 limits swap only together with memory', 'give memory.max too')
  return max + swap
}

function bytes(amount: Amount): string {
  return amount === 'max' ? '-1' : `${amount}`
}
