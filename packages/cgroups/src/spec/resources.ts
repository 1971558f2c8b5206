/** `linux.resources` of an OCI configuration (runtime-spec 1.3, config-linux.md, "Control groups"): what this package reads and writes of it. */
export interface Resources {
  readonly devices?: readonly {
    readonly allow: boolean
    readonly type?: string
    readonly major?: number
    readonly minor?: number
    readonly access?: string
  }[]
  readonly memory?: {
    readonly limit?: number
    readonly reservation?: number
    readonly swap?: number
    readonly kernel?: number
    readonly kernelTCP?: number
    readonly swappiness?: number
    readonly disableOOMKiller?: boolean
    readonly useHierarchy?: boolean
    readonly checkBeforeUpdate?: boolean
  }
  readonly cpu?: {
    readonly shares?: number
    readonly quota?: number
    readonly burst?: number
    readonly period?: number
    readonly realtimeRuntime?: number
    readonly realtimePeriod?: number
    readonly cpus?: string
    readonly mems?: string
    readonly idle?: number
  }
  readonly pids?: { readonly limit?: number }
  readonly blockIO?: {
    readonly weight?: number
    readonly leafWeight?: number
    readonly weightDevice?: readonly WeightDevice[]
    readonly throttleReadBpsDevice?: readonly ThrottleDevice[]
    readonly throttleWriteBpsDevice?: readonly ThrottleDevice[]
    readonly throttleReadIOPSDevice?: readonly ThrottleDevice[]
    readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[]
  }
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[]
  readonly network?: { readonly classID?: number; readonly priorities?: readonly { readonly name: string; readonly priority: number }[] }
  readonly rdma?: Readonly<Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>>
  readonly unified?: Readonly<Record<string, string>>
}

export interface WeightDevice {
  readonly major: number
  readonly minor: number
  readonly weight?: number
  readonly leafWeight?: number
}

export interface ThrottleDevice {
  readonly major: number
  readonly minor: number
  /** Bytes or operations a second. */
  readonly rate: number
}
