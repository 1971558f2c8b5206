import type { CheckedMemory } from '../checked.ts'
import { unsupported, type Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files". */
export function memoryWrites(memory: CheckedMemory): Write[] {
  for (const field of ['disableOomKiller', 'swappiness', 'kernelTcp'] as const)
    if (memory[field] !== undefined && memory[field] !== false) throw unsupported(`memory.${field}`, 'cgroup v2 has no such limit')
  const writes: Write[] = []
  const amount = (field: 'min' | 'low' | 'high' | 'max', name: string): void => {
    const value = memory[field]
    if (value !== undefined) writes.push({ file: `memory.${field}`, value: `${value}`, field: name })
  }
  amount('min', 'memory.min')
  amount('low', 'memory.low')
  amount('high', 'memory.high')
  if (memory.swap !== undefined) writes.push({ file: 'memory.swap.max', value: `${memory.swap}`, field: 'memory.swap' })
  amount('max', 'memory')
  if (memory.oomGroup !== undefined) writes.push({ file: 'memory.oom.group', value: memory.oomGroup ? '1' : '0', field: 'memory.oomGroup' })
  return writes
}
