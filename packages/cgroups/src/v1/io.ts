import type { Amount, CheckedIo } from '../checked.ts'
import { ioToBfqWeight } from '../weights.ts'
import { unsupported, type Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/blkio-controller.rst. Of the schedulers that knew weights only BFQ is left since Linux 5.0. */
export function ioWrites(io: CheckedIo): Write[] {
  const writes: Write[] = []
  const all = weightOf(io)
  if (all !== undefined) writes.push({ file: 'blkio.bfq.weight', value: `${all}`, field: 'io.weight' })
  for (const [index, device] of io.devices.entries()) {
    const field = `io.devices[${index}]`
    if (device.latency !== undefined) throw unsupported(`${field}.latency`, 'cgroup v1 has no such limit')
    const weight = weightOf(device)
    if (weight !== undefined)
      writes.push({ file: 'blkio.bfq.weight_device', value: `${device.device} ${weight}`, field: `${field}.weight` })
    const throttle = (file: string, name: string, value: Amount | undefined): void => {
      if (value === undefined) return
      writes.push({
        file: `blkio.throttle.${file}_device`,
        value: `${device.device} ${value === 'max' ? 0 : value}`,
        field: `${field}.${name}`,
      })
    }
    throttle('read_bps', 'read', device.read)
    throttle('write_bps', 'write', device.write)
    throttle('read_iops', 'readOperations', device.readOperations)
    throttle('write_iops', 'writeOperations', device.writeOperations)
  }
  return writes
}

function weightOf({
  weight,
  blkioWeight,
}: {
  readonly weight: number | undefined
  readonly blkioWeight: number | undefined
}): number | undefined {
  return blkioWeight ?? (weight === undefined ? undefined : ioToBfqWeight(weight))
}
