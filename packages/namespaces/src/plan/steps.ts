/**
 * A launch plan as data. The launcher's side of the same words is `rust-native/crates/plan/src/steps.rs`.
 */
import type { NamespaceKind } from '../options.ts'

/** Where a given descriptor comes from: a copy of one of the caller's, a path, a pipe that the caller writes or reads, or /dev/null. */
export type GivenSlot =
  | { readonly from: 'fd'; readonly fd: number }
  | { readonly from: 'path'; readonly path: string }
  | { readonly from: 'input' | 'output' | 'null' }

/** A descriptor of the plan: one that is given, or what a step of `prepare` opens. */
export type SlotReference = { readonly given: number } | { readonly prepared: number }

export interface Join {
  /** Several where the slot is a pidfd. */
  readonly kinds: readonly NamespaceKind[]
  readonly slot: SlotReference
}

/** `MOUNT_ATTR_…` by name (mount_setattr(2)). */
export type Attribute = 'readOnly' | 'nosuid' | 'nodev' | 'noexec' | 'noatime' | 'nosymfollow'

interface ClonedMount {
  readonly recursive: boolean
  readonly attributes: readonly Attribute[]
  /** Whether the attributes are for the uppermost mount alone. */
  readonly topAlone?: boolean | undefined
  /** The user namespace whose ids the files are shown with. */
  readonly idMap?: SlotReference | undefined
  /** Whether the child clones it, as where the caller cannot. */
  readonly noClone?: boolean | undefined
}

/** The folders of an overlay, of those that are read the uppermost first. */
interface OverlayFolders {
  readonly lowers: readonly string[]
  /** Both or none. */
  readonly upper?: string | undefined
  readonly work?: string | undefined
  readonly attributes: readonly Attribute[]
}

export type PrepareStep =
  | ({ readonly do: 'source'; readonly path: string } & ClonedMount)
  | ({ readonly do: 'tree'; readonly slot: SlotReference } & ClonedMount)
  | ({ readonly do: 'overlay' } & OverlayFolders)
  | { readonly do: 'device'; readonly path: string; readonly type: 'char' | 'block'; readonly major: number; readonly minor: number }

/** What is forbidden by its bits, and the exceptions. */
export interface LandlockStep {
  readonly do: 'landlock'
  readonly bestEffort: boolean
  readonly files: bigint
  readonly network: bigint
  readonly scopes: bigint
  readonly paths: readonly (readonly [string, bigint])[]
  readonly ports: readonly (readonly [number, bigint])[]
}

export type EnterStep =
  | { readonly do: 'become'; readonly uid: number; readonly gid: number }
  | { readonly do: 'hostname'; readonly name: string }
  | { readonly do: 'domainname'; readonly name: string }
  | { readonly do: 'loopback' }
  | { readonly do: 'cgroupNamespace' }
  | { readonly do: 'sysctl'; readonly name: string; readonly value: string }
  | { readonly do: 'rlimit'; readonly resource: string; readonly soft: number; readonly hard: number }
  | { readonly do: 'oomScoreAdj'; readonly value: number }
  | { readonly do: 'propagation'; readonly propagation: string }
  | { readonly do: 'root'; readonly slot: SlotReference; readonly source: string }
  | {
      readonly do: 'mount'
      readonly kind: string
      readonly target: string
      /** Names and values; an empty value is a flag. */
      readonly parameters: readonly (readonly [string, string])[]
      readonly attributes: readonly Attribute[]
      readonly propagation?: string | undefined
      /** Whether the caller's own is bound where the kernel refuses a new one. */
      readonly orBind?: boolean | undefined
    }
  | {
      readonly do: 'bind'
      readonly slot: SlotReference
      readonly source: string
      readonly target: string
      readonly recursive: boolean
      readonly attributes: readonly Attribute[]
      readonly topAlone?: boolean | undefined
      readonly propagation?: string | undefined
    }
  | ({ readonly do: 'overlay'; readonly target: string; readonly propagation?: string | undefined } & OverlayFolders)
  | { readonly do: 'attributes'; readonly target: string; readonly recursive: boolean; readonly attributes: readonly Attribute[] }
  | {
      readonly do: 'device'
      readonly path: string
      readonly type: 'char' | 'block' | 'fifo'
      readonly major: number
      readonly minor: number
      readonly mode: number
      readonly uid: number
      readonly gid: number
      /** The caller's node, which is bound. Without one the node is made. */
      readonly slot?: SlotReference | undefined
    }
  | { readonly do: 'link'; readonly path: string; readonly value: string }
  | { readonly do: 'pivot' }
  | { readonly do: 'readOnlyPath'; readonly path: string }
  | { readonly do: 'mask'; readonly path: string }
  | { readonly do: 'umask'; readonly mask: number }
  | { readonly do: 'directory'; readonly path: string }
  | {
      readonly do: 'terminal'
      /** Whether it is one of the devpts that this plan mounts; else of the one that /dev/ptmx belongs to. */
      readonly own: boolean
      readonly columns: number
      readonly rows: number
      /** The user that it is given to. */
      readonly owner?: number | undefined
      /** Where it is bound. */
      readonly console?: string | undefined
    }
  | { readonly do: 'bounding'; readonly capabilities: bigint }
  | { readonly do: 'user'; readonly uid: number; readonly gid: number; readonly groups: readonly number[] | undefined }
  | {
      readonly do: 'capabilities'
      readonly effective: bigint
      readonly permitted: bigint
      readonly inheritable: bigint
      readonly ambient: bigint
    }
  | { readonly do: 'noNewPrivileges' }
  | { readonly do: 'seccomp'; readonly flags: number; readonly filter: Uint8Array }
  | LandlockStep
  | {
      readonly do: 'scheduler'
      readonly policy: number
      readonly flags: number
      readonly nice: number
      readonly priority: number
      /** Nanoseconds. */
      readonly runtime: bigint
      readonly deadline: bigint
      readonly period: bigint
    }
  | { readonly do: 'ioPriority'; readonly value: number }
  | { readonly do: 'affinity'; readonly processors: readonly number[] }
  | { readonly do: 'memoryPolicy'; readonly mode: number; readonly nodes: readonly number[] }
  | { readonly do: 'personality'; readonly value: number }
  | { readonly do: 'sessionKeyring'; readonly name: string }

/** What is launched. */
export interface PlanData {
  readonly detached: boolean
  readonly init: boolean
  readonly denySetgroups: boolean
  readonly mapSelf: boolean
  /** Those that are new: all but the time namespace come with the clone. */
  readonly namespaces: readonly NamespaceKind[]
  readonly joins: readonly Join[]
  /** The content of uid_map and gid_map; empty without a new user namespace. */
  readonly uidMap: string
  readonly gidMap: string
  /** The programs that write the two maps where the caller may not: newuidmap(1) and newgidmap(1), or none. */
  readonly mappers: readonly string[]
  /** The content of timens_offsets of a new time namespace, or empty. */
  readonly timeOffsets: string
  readonly cgroupV2: string
  readonly cgroupV1: readonly string[]
  readonly given: readonly GivenSlot[]
  /** Which given slot becomes descriptor 0, 1, 2 and so on, or the terminal that a step makes, or that it is closed. */
  readonly descriptors: readonly (number | 'terminal' | 'closed')[]
  readonly prepare: readonly PrepareStep[]
  readonly enter: readonly EnterStep[]
  readonly command: readonly string[]
  readonly environment: readonly string[]
}
