/** The scales of weights on v1 and v2, converted as crun and runc do (runtime-spec leaves the conversion to the runtime). */

/**
 * v1 `cpu.shares` (2 to 262144) as v2 `cpu.weight` (1 to 10000). Quadratic in the logarithm, so that both ends and both defaults
 * (1024 and 100) meet: opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value.
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= 262_144) return 10_000
  const l = Math.log2(shares)
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34))
}

/** The inverse: the shares whose weight is nearest. */
export function weightToShares(weight: number): number {
  if (weight <= 1) return 2
  const l = (-125 + Math.sqrt(125 ** 2 + 4 * 612 * (Math.log10(weight) + 7 / 34))) / 2
  return Math.min(262_144, Math.max(2, Math.floor(2 ** l)))
}

/** `blkio.weight` (10 to 1000) as `io.weight` (1 to 10000), linear. */
export function blkioToIoWeight(weight: number): number {
  return Math.floor(1 + ((weight - 10) * 9999) / 990)
}

/** The inverse: the weight of blkio that is nearest. */
export function ioToBlkioWeight(weight: number): number {
  return Math.round(10 + ((weight - 1) * 990) / 9999)
}

/** `io.weight` as BFQ's weight (1 to 1000): both have 100 as their default, so the number stays. */
export function ioToBfqWeight(weight: number): number {
  return Math.min(1000, weight)
}
