import type { Descriptor, Platform } from '@box/core'

const architectures = new Map<string, Pick<Platform, 'architecture' | 'variant'>>([
  ['x64', { architecture: 'amd64' }],
  ['ia32', { architecture: '386' }],
  ['arm64', { architecture: 'arm64', variant: 'v8' }],
  ['arm', { architecture: 'arm', variant: 'v7' }],
  ['ppc64', { architecture: 'ppc64le' }],
])

/** The platform of Linux containers on this machine's processor, in the words of Go's GOOS and GOARCH, which the image specification uses. */
export function hostPlatform(): Platform {
  return { os: 'linux', ...(architectures.get(process.arch) ?? { architecture: process.arch }) }
}

/**
 * Picks the entry of an index that suits the platform best: the same operating system and architecture, and the nearest variant that
 * runs there (arm v7 runs v7, v6 and v5; amd64 v3 runs v3, v2 and v1). Among equals the first one, as the image specification says
 * (image-index.md). `wanted` is `hostPlatform()` by default. Undefined where nothing suits.
 */
export function selectPlatform(manifests: readonly Descriptor[], wanted: Platform = hostPlatform()): Descriptor | undefined {
  const ranks = runnable(wanted)
  let best: { readonly entry: Descriptor; readonly rank: number } | undefined
  for (const entry of manifests) {
    const rank = entry.platform === undefined ? -1 : rankOf(entry.platform, wanted, ranks)
    if (rank >= 0 && (best === undefined || rank < best.rank)) best = { entry, rank }
  }
  return best?.entry
}

/** Reads a platform as the command line of other tools writes it: `linux/arm64`, `linux/arm/v7`. Undefined where it is not one. */
export function parsePlatform(text: string): Platform | undefined {
  const match = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text)
  const [, os, architecture, variant] = match ?? []
  if (os === undefined || architecture === undefined) return undefined
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

function rankOf(offered: Platform, wanted: Platform, ranks: readonly string[]): number {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return -1
  if (wanted['os.version'] !== undefined && offered['os.version'] !== undefined && wanted['os.version'] !== offered['os.version']) return -1
  const features = wanted['os.features'] ?? []
  if (!(offered['os.features'] ?? []).every((feature) => features.includes(feature) || wanted['os.features'] === undefined)) return -1
  return ranks.indexOf(offered.variant ?? baseVariant(offered.architecture))
}

/** The variant that is meant where none is said. */
function baseVariant(architecture: string): string {
  if (architecture === 'arm64') return 'v8'
  if (architecture === 'arm') return 'v7'
  return architecture === 'amd64' ? 'v1' : ''
}

/** The variants that run on the wanted one, the nearest first. */
function runnable(wanted: Platform): readonly string[] {
  const own = wanted.variant ?? baseVariant(wanted.architecture)
  const families = new Map([
    ['arm', ['v8', 'v7', 'v6', 'v5']],
    ['amd64', ['v4', 'v3', 'v2', 'v1']],
  ])
  const family = families.get(wanted.architecture) ?? []
  const from = family.indexOf(own)
  return from < 0 ? [own] : family.slice(from)
}
