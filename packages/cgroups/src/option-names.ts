import type { OptionNames } from '@box/core'
import type { Cgroup, CgroupOptions } from './cgroup.ts'
import type { SystemdOptions } from './systemd/scope.ts'

export const cgroupOptions: OptionNames<CgroupOptions> = {
  parent: true,
  controllers: true,
  temporary: true,
  moveSelf: true,
  systemd: true,
}

export const systemdOptions: OptionNames<SystemdOptions> = {
  slice: true,
  user: true,
  description: true,
  bus: true,
}

export const openOptions: OptionNames<NonNullable<Parameters<typeof Cgroup.open>[1]>> = {
  parent: true,
  own: true,
}

export const watchOptions: OptionNames<NonNullable<Parameters<Cgroup['watch']>[0]>> = {
  interval: true,
  signal: true,
}

export const eventOptions: OptionNames<NonNullable<Parameters<Cgroup['events']>[0]>> = {
  kinds: true,
  pressure: true,
  signal: true,
}
