import { native } from '@box/native'
import { fromNative } from '@box/core'
import type { CheckedNetwork } from './checked.ts'
import type { NetworkStats } from './stats.ts'
import { unsupported } from './writes.ts'

type Limiter = ReturnType<ReturnType<typeof native>['BandwidthLimiter']['load']>

/** The bandwidth of one group: programs that the kernel runs for each packet of its sockets. They stay until the group is removed. */
export class Bandwidth {
  readonly #limiter: Limiter

  private constructor(limiter: Limiter) {
    this.#limiter = limiter
  }

  /**
   * Loads the programs; nothing is limited yet.
   * @throws BoxError `ERR_BOX_PERMISSION`, `ERR_BOX_UNSUPPORTED`.
   */
  static load(limits: CheckedNetwork): Bandwidth {
    return new Bandwidth(called(() => native().BandwidthLimiter.load(ratesOf(limits))))
  }

  /**
   * What limits a group already, whichever process has attached it.
   * @throws BoxError `ERR_BOX_PERMISSION` without CAP_SYS_ADMIN.
   */
  static open(folder: string): Bandwidth | undefined {
    const limiter = called(() => native().BandwidthLimiter.open(folder))
    return limiter === null ? undefined : new Bandwidth(limiter)
  }

  /** @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` where the group is in no v2 hierarchy, `ERR_BOX_PERMISSION`. */
  attach(folder: string | undefined): void {
    if (folder === undefined)
      throw unsupported('network', 'it has no v2 hierarchy', 'mount one: mount -t cgroup2 none /sys/fs/cgroup/unified')
    called(() => this.#limiter.attach(folder))
  }

  /** Changes what is named. */
  update(limits: CheckedNetwork): void {
    called(() => {
      const named = Object.entries(limits).filter(([, rate]) => rate !== undefined)
      const others = Object.entries(this.#limiter.rates()).filter(([name]) => named.every(([other]) => other !== name))
      this.#limiter.set(Object.fromEntries([...others, ...named].filter(([, rate]) => typeof rate === 'number')))
    })
  }

  stats(): NetworkStats {
    return called(() => this.#limiter.counters())
  }

  /** Gives back the descriptors. */
  close(): void {
    this.#limiter.close()
  }
}

export const notCounted: NetworkStats = {
  sent: undefined,
  sentPackets: undefined,
  sentDropped: undefined,
  sentDroppedPackets: undefined,
  received: undefined,
  receivedPackets: undefined,
  receivedDropped: undefined,
  receivedDroppedPackets: undefined,
}

function ratesOf(limits: CheckedNetwork): Partial<Record<keyof CheckedNetwork, number>> {
  return Object.fromEntries(Object.entries(limits).filter(([, rate]) => typeof rate === 'number'))
}

function called<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (thrown) {
    throw fromNative(thrown, 'limits of bandwidth need CAP_BPF and CAP_NET_ADMIN')
  }
}
