import { BoxError } from '@box/core'
import type { CheckedDeviceRule, CheckedNetwork } from './checked.ts'
import { DeviceFilter } from './devices.ts'
import { Bandwidth, notCounted } from './network.ts'
import type { Places } from './places.ts'
import type { NetworkStats } from './stats.ts'

/** The programs that the kernel runs for a group: for its packets, and for its devices where no v1 controller decides over these. */
export class Programs {
  readonly #places: Places
  readonly #isView: boolean
  #bandwidth: Bandwidth | undefined
  #devices: DeviceFilter | undefined
  /** What another process may have attached, and has not been looked for. */
  readonly #unseen = new Set<'network' | 'devices'>()

  /** @param isView nothing can be attached */
  constructor(places: Places, isView: boolean) {
    this.#places = places
    this.#isView = isView
  }

  /** The group was made before: what may be attached to it is looked for once it is needed. */
  expectOthers(): void {
    this.#unseen.add('network').add('devices')
  }

  /** Rules that no v1 controller has taken. @throws BoxError `ERR_BOX_STATE` on a view */
  filterDevices(rules: readonly CheckedDeviceRule[]): void {
    if (rules.length === 0 || this.#places.v1.has('devices')) return
    if (this.#isView) throw new BoxError('ERR_BOX_STATE', 'The devices of a view cannot be changed: open the group by its name')
    const { v2 } = this.#places
    if (this.#unseen.delete('devices') && v2 !== undefined) this.#devices = DeviceFilter.open(v2)
    if (this.#devices === undefined) this.#devices = DeviceFilter.attach(rules, v2)
    else this.#devices.replace(rules)
  }

  /** Takes over what was loaded: it is closed with the others, or now where it cannot be attached. */
  attach(bandwidth: Bandwidth): void {
    try {
      bandwidth.attach(this.#places.v2)
    } catch (error) {
      bandwidth.close()
      throw error
    }
    this.#bandwidth = bandwidth
  }

  /** Changes the bandwidth that is named. */
  limitNetwork(network: CheckedNetwork): void {
    const bandwidth = this.#findBandwidth()
    if (bandwidth === undefined) this.attach(Bandwidth.load(network))
    else bandwidth.update(network)
  }

  /** Who may not look for what others have attached gets no counters of it. */
  networkStats(): NetworkStats {
    try {
      return this.#findBandwidth()?.stats() ?? notCounted
    } catch (error) {
      if (error instanceof BoxError && error.code === 'ERR_BOX_PERMISSION') return notCounted
      throw error
    }
  }

  /** Gives back the descriptors; the programs stay until the group is removed. */
  close(): void {
    this.#bandwidth?.close()
    this.#devices?.close()
  }

  #findBandwidth(): Bandwidth | undefined {
    const { v2 } = this.#places
    if (this.#unseen.delete('network') && v2 !== undefined) this.#bandwidth = Bandwidth.open(v2)
    return this.#bandwidth
  }
}
