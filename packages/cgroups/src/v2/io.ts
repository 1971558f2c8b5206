import type { Amount, CheckedIo, CheckedIoDevice } from '../checked.ts'
import { blkioToIoWeight, ioToBfqWeight } from '../weights.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files"; BFQ has a weight file of its own (Documentation/block/bfq-iosched.rst). */
export function ioWrites(io: CheckedIo): Write[] {
  const writes = weight('', 'io', io.weight, io.blkioWeight)
  for (const [index, device] of io.devices.entries()) {
    const field = `io.devices[${index}]`
    writes.push(...weight(`${device.device} `, field, device.weight, device.blkioWeight))
    const max = maxOf(device)
    if (device.latency !== undefined)
      writes.push({ file: 'io.latency', value: `${device.device} target=${device.latency}`, field: `${field}.latency` })
    if (max.length > 0) writes.push({ file: 'io.max', value: `${device.device} ${max.join(' ')}`, field })
  }
  return writes
}

function weight(prefix: string, field: string, ours: number | undefined, blkio: number | undefined): Write[] {
  if (ours !== undefined) {
    const otherwise = { file: 'io.bfq.weight', value: `${prefix}${ioToBfqWeight(ours)}`, field: `${field}.weight` }
    return [{ file: 'io.weight', value: `${prefix}${ours}`, field: `${field}.weight`, otherwise }]
  }
  if (blkio === undefined) return []
  const otherwise = { file: 'io.weight', value: `${prefix}${blkioToIoWeight(blkio)}`, field: `${field}.blkioWeight` }
  return [{ file: 'io.bfq.weight', value: `${prefix}${blkio}`, field: `${field}.blkioWeight`, otherwise }]
}

function maxOf({ read, write, readOperations, writeOperations }: CheckedIoDevice): string[] {
  const pairs: [string, Amount | undefined][] = [
    ['rbps', read],
    ['wbps', write],
    ['riops', readOperations],
    ['wiops', writeOperations],
  ]
  return pairs.filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${value}`)
}
