import type { Max } from './limits.ts'

/** Limits in the kernel's units: microseconds, bytes, bytes a second. Both versions are written from these. */
export interface CheckedLimits {
  readonly cpu: CheckedCpu
  readonly cpuset: { readonly cpus: string | undefined; readonly mems: string | undefined }
  readonly memory: CheckedMemory
  readonly pids: Amount | undefined
  readonly io: CheckedIo
  readonly hugetlb: ReadonlyMap<string, Amount>
  readonly rdma: ReadonlyMap<string, { readonly handles: Amount | undefined; readonly objects: Amount | undefined }>
  readonly misc: ReadonlyMap<string, Amount>
  readonly devices: readonly CheckedDeviceRule[]
  readonly network: CheckedNetwork | undefined
  readonly classId: number | undefined
  readonly priorities: ReadonlyMap<string, number>
  readonly unified: ReadonlyMap<string, string>
}

export type Amount = number | Max

export interface CheckedCpu {
  readonly quota: Amount | undefined
  readonly period: number
  readonly weight: number | undefined
  readonly shares: number | undefined
  readonly burst: number | undefined
  readonly idle: boolean | undefined
  readonly realtime: { readonly runtime: number; readonly period: number | undefined } | undefined
}

export interface CheckedMemory {
  readonly max: Amount | undefined
  readonly high: Amount | undefined
  readonly low: Amount | undefined
  readonly min: Amount | undefined
  readonly swap: Amount | undefined
  readonly oomGroup: boolean | undefined
  readonly disableOomKiller: boolean | undefined
  readonly swappiness: number | undefined
  readonly kernelTcp: Amount | undefined
}

export interface CheckedIo {
  readonly weight: number | undefined
  readonly blkioWeight: number | undefined
  readonly devices: readonly CheckedIoDevice[]
}

export interface CheckedIoDevice {
  readonly device: string
  readonly weight: number | undefined
  readonly blkioWeight: number | undefined
  readonly read: Amount | undefined
  readonly write: Amount | undefined
  readonly readOperations: Amount | undefined
  readonly writeOperations: Amount | undefined
  /** In microseconds. */
  readonly latency: number | undefined
}

export interface CheckedDeviceRule {
  readonly allow: boolean
  readonly type: 'a' | 'b' | 'c'
  readonly major: number | undefined
  readonly minor: number | undefined
  readonly access: string
}

/** Bits and packets a second. */
export interface CheckedNetwork {
  readonly egress: Amount | undefined
  readonly ingress: Amount | undefined
  readonly egressPackets: Amount | undefined
  readonly ingressPackets: Amount | undefined
}
