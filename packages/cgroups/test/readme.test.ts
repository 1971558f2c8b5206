import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkLimits } from '../src/check.ts'
import { compile } from '../src/compile.ts'
import { toSpec, type Limits } from '../src/index.ts'

const device = '8:0'

/** For each row of the README's table what uses its option. */
const examples: Readonly<Record<string, Limits>> = {
  cpus: { cpus: 1 },
  'cpu.period': { cpus: 1, cpu: { period: 50 } },
  'cpu.weight': { cpu: { weight: 50 } },
  'cpu.shares': { cpu: { shares: 512 } },
  'cpu.burst': { cpu: { burst: 5 } },
  'cpu.idle': { cpu: { idle: true } },
  'cpu.realtime': { cpu: { realtime: { runtime: 5, period: 50 } } },
  'cpuset.cpus': { cpuset: { cpus: '0' } },
  'cpuset.mems': { cpuset: { mems: '0' } },
  'memory, memory.max': { memory: 5 },
  'memory.swap': { memory: { max: 5, swap: 5 } },
  'memory.low': { memory: { low: 5 } },
  'memory.high': { memory: { high: 5 } },
  'memory.min': { memory: { min: 5 } },
  'memory.oomGroup': { memory: { oomGroup: true } },
  'memory.disableOomKiller': { memory: { disableOomKiller: true } },
  'memory.swappiness': { memory: { swappiness: 5 } },
  'memory.kernelTcp': { memory: { kernelTcp: 5 } },
  pids: { pids: 5 },
  'io.weight': { io: { weight: 50 } },
  'io.blkioWeight': { io: { blkioWeight: 50 } },
  'io.devices[].weight': { io: { devices: [{ device, weight: 50 }] } },
  'io.devices[].read': { io: { devices: [{ device, read: '1MB/s' }] } },
  'io.devices[].write': { io: { devices: [{ device, write: '1MB/s' }] } },
  'io.devices[].readOperations': { io: { devices: [{ device, readOperations: '5/s' }] } },
  'io.devices[].writeOperations': { io: { devices: [{ device, writeOperations: '5/s' }] } },
  'io.devices[].latency': { io: { devices: [{ device, latency: 5 }] } },
  misc: { misc: { sev: 5 } },
  hugetlb: { hugetlb: { '2MB': 5 } },
  rdma: { rdma: { mlx5_1: { handles: 5 } } },
  devices: { devices: [{ allow: false }, { allow: true, type: 'c', major: 1 }] },
  network: { network: '1mbit' },
  'network.classId': { network: { classId: 5 } },
  'network.priorities': { network: { priorities: { lo: 5 } } },
  unified: { unified: { 'memory.high': '5' } },
}

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8')
const rows = readme
  .slice(readme.indexOf('## Limits'), readme.indexOf('## Bandwidth'))
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

/** The names in a cell. */
function names(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '').toSorted()
}

/** The files that are written; none where this version has no such limit. */
function files(limits: Limits, version: 1 | 2): string[] {
  try {
    const writes = compile(checkLimits(limits), () => version).flatMap((it) => it.writes.map(({ file }) => file))
    return [...new Set(writes)].toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BOX_CGROUP_UNSUPPORTED') return []
    throw error
  }
}

test('the table has a row for every option that is tried here, and no other', () => {
  expect(rows.map(([option]) => names(option).join(', ')).toSorted()).toEqual(Object.keys(examples).toSorted())
})

test.each(rows.map((row) => [row[0] ?? '', row] as const))('%s is written as the table says', (option, [, v2, v1, oci]) => {
  const limits = examples[names(option).join(', ')] ?? {}
  const byProgram = option === '`devices`' || option === '`network`'
  if (byProgram) expect(v2).toMatch(/eBPF/)
  else if (option !== '`unified`') expect(files(limits, 2)).toEqual(names(v2))
  if (option !== '`network`') expect(files(limits, 1)).toEqual(names(v1))
  if (oci === '') expect(() => toSpec(limits)).toThrow(expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED' }))
  else for (const field of names(oci)) expect(toSpec(limits)).toHaveProperty(field)
})
