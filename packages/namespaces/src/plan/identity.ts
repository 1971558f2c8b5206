import { refuseUnknownOptions } from '@box/core'
import { type Capabilities, type CapabilityName, capabilityNames } from '../capabilities.ts'
import { capabilitiesOptions, userOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { Draft } from './draft.ts'
import { id, invalid } from './invalid.ts'
import type { Namespaces } from './namespaces.ts'

/** The steps that decide who the process is: the last ones before the program. */
export function compileIdentity(options: SpawnOptions, namespaces: Namespaces, privileged: boolean, draft: Draft): void {
  const sets = options.capabilities === undefined ? undefined : setsOf(options.capabilities)
  if (sets !== undefined) draft.add({ do: 'bounding', capabilities: sets.bounding })
  compileUser(options, namespaces, privileged, draft)
  if (sets !== undefined) {
    const { effective, permitted, inheritable, ambient } = sets
    draft.add({ do: 'capabilities', effective, permitted, inheritable, ambient })
  }
}

function compileUser(options: SpawnOptions, namespaces: Namespaces, privileged: boolean, draft: Draft): void {
  if (options.user === undefined) {
    // The caller's groups mean nothing inside.
    if (namespaces.maps !== undefined && !namespaces.groupsForbidden) draft.add({ do: 'user', ...rootOf(namespaces), groups: [] })
    return
  }
  refuseUnknownOptions('user', options.user, userOptions)
  const uid = id('user.uid', options.user.uid)
  const gid = id('user.gid', options.user.gid)
  const groups = (options.user.additionalGids ?? []).map((group) => id('user.additionalGids', group))
  if (namespaces.groupsForbidden && groups.length > 0)
    throw invalid('user.additionalGids', groups.join(', '), 'possible where an ordinary user has mapped its own ids alone')
  // Without a user namespace an ordinary user keeps its groups: it may not even drop them.
  const kept = namespaces.groupsForbidden || (!privileged && !namespaces.foreignUser && groups.length === 0)
  draft.add({ do: 'user', uid, gid, groups: kept ? undefined : groups })
}

/** Who a process is at first in a user namespace: 0 where it is mapped, else the first id that is. */
export function rootOf(namespaces: Namespaces): { readonly uid: number; readonly gid: number } {
  const { maps } = namespaces
  const first = (map: readonly { readonly containerId: number }[] | undefined): number =>
    map === undefined || map.some(({ containerId }) => containerId === 0) ? 0 : (map[0]?.containerId ?? 0)
  return { uid: first(maps?.uid), gid: first(maps?.gid) }
}

interface Sets {
  readonly bounding: bigint
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
  readonly ambient: bigint
}

function setsOf(capabilities: readonly CapabilityName[] | Capabilities): Sets {
  if (isList(capabilities)) {
    const set = bits(capabilities)
    return { bounding: set, effective: set, permitted: set, inheritable: 0n, ambient: 0n }
  }
  refuseUnknownOptions('capabilities', capabilities, capabilitiesOptions)
  return {
    bounding: bits(capabilities.bounding),
    effective: bits(capabilities.effective),
    permitted: bits(capabilities.permitted),
    inheritable: bits(capabilities.inheritable),
    ambient: bits(capabilities.ambient),
  }
}

function isList(capabilities: readonly CapabilityName[] | Capabilities): capabilities is readonly CapabilityName[] {
  return Array.isArray(capabilities)
}

function bits(names: readonly CapabilityName[] | undefined): bigint {
  return (names ?? []).reduce((set, name) => {
    const number = capabilityNames.indexOf(name)
    if (number < 0) throw invalid('capabilities', name, 'a capability of capabilities(7)')
    return set | (1n << BigInt(number))
  }, 0n)
}
