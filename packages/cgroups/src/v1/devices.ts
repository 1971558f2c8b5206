import type { CheckedDeviceRule } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/devices.rst. */
export function devicesWrites(rules: readonly CheckedDeviceRule[]): Write[] {
  return rules.map(({ allow, type, major = '*', minor = '*', access }, index) => ({
    file: allow ? 'devices.allow' : 'devices.deny',
    value: type === 'a' ? 'a' : `${type} ${major}:${minor} ${access}`,
    field: `devices[${index}]`,
  }))
}
