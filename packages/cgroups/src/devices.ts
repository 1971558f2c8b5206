import { fromNative } from '@box/core'
import { native } from '@box/native'
import type { CheckedDeviceRule } from './checked.ts'
import { unsupported } from './writes.ts'

type Filter = ReturnType<ReturnType<typeof native>['DeviceFilter']['load']>
type FilterRule = Parameters<ReturnType<typeof native>['DeviceFilter']['load']>[0][number]

/** The device rules of a group in the v2 hierarchy: a program that the kernel asks at each open and mknod. It stays until the group is removed. */
export class DeviceFilter {
  readonly #filter: Filter
  readonly #folder: string

  private constructor(filter: Filter, folder: string) {
    this.#filter = filter
    this.#folder = folder
  }

  /**
   * Puts rules on a group that has none.
   * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` where the group is in no v2 hierarchy, `ERR_BOX_PERMISSION`.
   */
  static attach(rules: readonly CheckedDeviceRule[], folder: string | undefined): DeviceFilter {
    if (folder === undefined) throw unsupported('devices', 'it has neither the v1 controller of devices nor a v2 hierarchy')
    return called(() => {
      const filter = native().DeviceFilter.load(rules.map(toNative))
      try {
        filter.attach(folder)
      } catch (error) {
        filter.close()
        throw error
      }
      return new DeviceFilter(filter, folder)
    })
  }

  /**
   * What decides for a group already, whichever process has attached it.
   * @throws BoxError `ERR_BOX_PERMISSION` without CAP_SYS_ADMIN.
   */
  static open(folder: string): DeviceFilter | undefined {
    const filter = called(() => native().DeviceFilter.open(folder))
    return filter === null ? undefined : new DeviceFilter(filter, folder)
  }

  /** Other rules in their place, at once. */
  replace(rules: readonly CheckedDeviceRule[]): void {
    called(() => this.#filter.replace(this.#folder, rules.map(toNative)))
  }

  /** Gives back the descriptor. */
  close(): void {
    this.#filter.close()
  }
}

function toNative({ allow, type, major, minor, access }: CheckedDeviceRule): FilterRule {
  return {
    allow,
    access,
    ...(type === 'a' ? {} : { kind: type }),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
  }
}

function called<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (thrown) {
    throw fromNative(thrown, 'device rules on cgroup v2 need CAP_BPF and CAP_NET_ADMIN')
  }
}
