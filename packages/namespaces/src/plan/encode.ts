/**
 * Writes a plan as bytes. The other half is `rust-native/crates/plan/src/decode.rs`; the vectors in `rust-native/crates/plan/vectors`
 * are what both must agree on. Numbers are little-endian; a string is its length (u32), its bytes and a NUL.
 */
import { BoxError } from '@box/core'
import type { NamespaceKind } from '../options.ts'
import type { Attribute, EnterStep, PlanData, PrepareStep, SlotReference } from './steps.ts'

const namespaceFlags: Readonly<Record<NamespaceKind, number>> = {
  time: 0x00000080,
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
}

const attributeFlags: Readonly<Record<Attribute, bigint>> = {
  readOnly: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  noatime: 0x10n,
  nosymfollow: 0x200000n,
}

const recursive = 0x4000
const propagationFlags: Readonly<Record<string, number>> = {
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  runbindable: recursive | (1 << 17),
  rprivate: recursive | (1 << 18),
  rslave: recursive | (1 << 19),
  rshared: recursive | (1 << 20),
}

/** The order of the kernel's numbers (asm-generic/resource.h). */
export const resourceNames: readonly string[] = [
  'cpu',
  'fsize',
  'data',
  'stack',
  'core',
  'rss',
  'nproc',
  'nofile',
  'memlock',
  'as',
  'locks',
  'sigpending',
  'msgqueue',
  'nice',
  'rtprio',
  'rttime',
]

const fileTypes = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const

const noSlot = 0xffff
const terminalSlot = 0xffff
const closedSlot = 0xfffe
const noOwner = 0xffff_ffff

/** What a plan is but for its groups, as bytes: what comes before them and what comes after. */
export interface EncodedSteps {
  readonly before: Uint8Array
  readonly after: Uint8Array
}

/** The plan as the launcher reads it. */
export function encode(plan: PlanData, steps: EncodedSteps = encodeSteps(plan)): Uint8Array {
  const groups = [plan.cgroupV2, ...plan.cgroupV1].reduce((sum, path) => sum + path.length + 8, 0)
  const writer = new Writer(steps.before.length + groups + steps.after.length)
  writer.raw(steps.before)
  writer.string(plan.cgroupV2)
  writer.list(plan.cgroupV1, (path) => writer.string(path))
  writer.raw(steps.after)
  return writer.bytes()
}

/** Encodes all but the groups. */
export function encodeSteps(plan: Omit<PlanData, 'cgroupV2' | 'cgroupV1'>): EncodedSteps {
  return { before: encodeNamespaces(plan), after: encodeTail(plan) }
}

function slotNumbers(plan: Pick<PlanData, 'given'>): SlotNumber {
  return (reference) => ('given' in reference ? reference.given : plan.given.length + reference.prepared)
}

function encodeNamespaces(plan: Omit<PlanData, 'cgroupV2' | 'cgroupV1'>): Uint8Array {
  const writer = new Writer()
  const slot = slotNumbers(plan)
  writer.magic()
  writer.u32((plan.detached ? 1 : 0) | (plan.init ? 2 : 0) | (plan.denySetgroups ? 4 : 0) | (plan.mapSelf ? 8 : 0))
  writer.u32(flagsOf(plan.namespaces))
  writer.list(plan.joins, (join) => {
    writer.u32(flagsOf(join.kinds))
    writer.u16(slot(join.slot))
  })
  writer.string(plan.uidMap)
  writer.string(plan.gidMap)
  writer.list(plan.mappers, (path) => writer.string(path))
  writer.string(plan.timeOffsets)
  return writer.bytes()
}

function encodeTail(plan: Omit<PlanData, 'cgroupV2' | 'cgroupV1'>): Uint8Array {
  const writer = new Writer()
  const slot = slotNumbers(plan)
  writer.list(plan.descriptors, (given) => writer.u16(descriptorSlot(given)))
  writer.u16(plan.given.length)
  writer.list(plan.prepare, (step) => prepareStep(writer, step, slot))
  writer.list(plan.enter, (step) => enterStep(writer, step, slot))
  writer.list(plan.command, (argument) => writer.string(argument))
  writer.list(plan.environment, (entry) => writer.string(entry))
  return writer.bytes()
}

function descriptorSlot(given: PlanData['descriptors'][number]): number {
  if (given === 'terminal') return terminalSlot
  return given === 'closed' ? closedSlot : given
}

function flagsOf(kinds: readonly NamespaceKind[]): number {
  return kinds.reduce((flags, kind) => flags | namespaceFlags[kind], 0)
}

function attributesOf(attributes: readonly Attribute[]): bigint {
  return attributes.reduce((flags, attribute) => flags | attributeFlags[attribute], 0n)
}

function propagationOf(propagation: string | undefined): number {
  return propagation === undefined ? 0 : (propagationFlags[propagation] ?? 0)
}

type SlotNumber = (reference: SlotReference) => number

function prepareStep(writer: Writer, step: PrepareStep, slot: SlotNumber): void {
  switch (step.do) {
    case 'source':
      writer.u8(1)
      writer.u32(cloneOptions(step))
      writer.u64(attributesOf(step.attributes))
      writer.u16(step.idMap === undefined ? noSlot : slot(step.idMap))
      writer.string(step.path)
      break
    case 'tree':
      writer.u8(2)
      writer.u16(slot(step.slot))
      writer.u32(cloneOptions(step))
      writer.u64(attributesOf(step.attributes))
      writer.u16(step.idMap === undefined ? noSlot : slot(step.idMap))
      break
    case 'overlay':
      writer.u8(4)
      writer.u64(attributesOf(step.attributes))
      overlayFolders(writer, step)
      break
    case 'device':
      writer.u8(3)
      writer.u32(fileTypes[step.type])
      writer.u32(step.major)
      writer.u32(step.minor)
      writer.string(step.path)
      break
  }
}

function cloneOptions({ recursive: below, noClone, topAlone }: Extract<PrepareStep, { do: 'source' | 'tree' }>): number {
  return (below ? 1 : 0) | (noClone === true ? 4 : 0) | (topAlone === true ? 8 : 0)
}

function overlayFolders(
  writer: Writer,
  { lowers, upper, work }: Extract<PrepareStep, { do: 'overlay' }> | Extract<EnterStep, { do: 'overlay' }>,
): void {
  writer.list(lowers, (path) => writer.string(path))
  writer.string(upper ?? '')
  writer.string(work ?? '')
}

function enterStep(writer: Writer, step: EnterStep, slot: SlotNumber): void {
  switch (step.do) {
    case 'become':
      writer.u8(1)
      writer.u32(step.uid)
      writer.u32(step.gid)
      break
    case 'hostname':
      writer.u8(2)
      writer.string(step.name)
      break
    case 'domainname':
      writer.u8(3)
      writer.string(step.name)
      break
    case 'loopback':
      writer.u8(4)
      break
    case 'cgroupNamespace':
      writer.u8(5)
      break
    case 'sysctl':
      writer.u8(6)
      writer.string(step.name)
      writer.string(step.value)
      break
    case 'rlimit':
      writer.u8(7)
      writer.u32(resourceNames.indexOf(step.resource))
      writer.u64(limit(step.soft))
      writer.u64(limit(step.hard))
      break
    case 'oomScoreAdj':
      writer.u8(8)
      writer.u32(step.value)
      break
    case 'propagation':
      writer.u8(9)
      writer.u32(propagationOf(step.propagation))
      break
    case 'root':
      writer.u8(10)
      writer.u16(slot(step.slot))
      writer.string(step.source)
      break
    case 'mount':
      writer.u8(11)
      writer.u32(step.orBind === true ? 2 : 0)
      writer.u64(attributesOf(step.attributes))
      writer.u32(propagationOf(step.propagation))
      writer.string(step.kind)
      writer.string(step.target)
      writer.list(step.parameters, ([name, value]) => {
        writer.string(name)
        writer.string(value)
      })
      break
    case 'bind':
      writer.u8(12)
      writer.u32((step.recursive ? 1 : 0) | (step.topAlone === true ? 8 : 0))
      writer.u64(attributesOf(step.attributes))
      writer.u32(propagationOf(step.propagation))
      writer.u16(slot(step.slot))
      writer.string(step.source)
      writer.string(step.target)
      break
    case 'attributes':
      writer.u8(13)
      writer.u32(step.recursive ? 1 : 0)
      writer.u64(attributesOf(step.attributes))
      writer.string(step.target)
      break
    case 'device':
      writer.u8(14)
      writer.u32(fileTypes[step.type])
      writer.u32(step.mode)
      writer.u32(step.major)
      writer.u32(step.minor)
      writer.u32(step.uid)
      writer.u32(step.gid)
      writer.u16(step.slot === undefined ? noSlot : slot(step.slot))
      writer.string(step.path)
      break
    case 'link':
      writer.u8(15)
      writer.string(step.value)
      writer.string(step.path)
      break
    case 'pivot':
      writer.u8(16)
      break
    case 'readOnlyPath':
      writer.u8(17)
      writer.string(step.path)
      break
    case 'mask':
      writer.u8(18)
      writer.string(step.path)
      break
    case 'umask':
      writer.u8(19)
      writer.u32(step.mask)
      break
    case 'directory':
      writer.u8(20)
      writer.string(step.path)
      break
    case 'terminal':
      writer.u8(21)
      writer.u32(step.own ? 1 : 0)
      writer.u16(step.columns)
      writer.u16(step.rows)
      writer.u32(step.owner ?? noOwner)
      writer.string(step.console ?? '')
      break
    case 'bounding':
      writer.u8(22)
      writer.u64(step.capabilities)
      break
    case 'user':
      writer.u8(23)
      writer.u32(step.uid)
      writer.u32(step.gid)
      writer.u32(step.groups === undefined ? 0 : 1)
      writer.list(step.groups ?? [], (group) => writer.u32(group))
      break
    case 'capabilities':
      writer.u8(24)
      writer.u64(step.effective)
      writer.u64(step.permitted)
      writer.u64(step.inheritable)
      writer.u64(step.ambient)
      break
    case 'noNewPrivileges':
      writer.u8(25)
      break
    case 'seccomp':
      writer.u8(26)
      writer.u32(step.flags)
      writer.block(step.filter)
      break
    case 'landlock':
      writer.u8(29)
      writer.u32(step.bestEffort ? 1 : 0)
      writer.u64(step.files)
      writer.u64(step.network)
      writer.u64(step.scopes)
      writer.list(step.paths, ([path, rights]) => {
        writer.string(path)
        writer.u64(rights)
      })
      writer.list(step.ports, ([port, rights]) => {
        writer.u16(port)
        writer.u64(rights)
      })
      break
    case 'scheduler':
      writer.u8(30)
      writer.u32(step.policy)
      writer.u64(BigInt(step.flags))
      writer.u32(step.nice)
      writer.u32(step.priority)
      writer.u64(step.runtime)
      writer.u64(step.deadline)
      writer.u64(step.period)
      break
    case 'ioPriority':
      writer.u8(31)
      writer.u32(step.value)
      break
    case 'affinity':
      writer.u8(32)
      writer.list(step.processors, (processor) => writer.u32(processor))
      break
    case 'memoryPolicy':
      writer.u8(33)
      writer.u32(step.mode)
      writer.list(step.nodes, (node) => writer.u32(node))
      break
    case 'personality':
      writer.u8(34)
      writer.u32(step.value)
      break
    case 'sessionKeyring':
      writer.u8(35)
      writer.string(step.name)
      break
    case 'overlay':
      writer.u8(37)
      writer.u64(attributesOf(step.attributes))
      writer.u32(propagationOf(step.propagation))
      writer.string(step.target)
      overlayFolders(writer, step)
      break
  }
}

function limit(value: number): bigint {
  return value === Infinity ? 0xffff_ffff_ffff_ffffn : BigInt(value)
}

/** Their number is written in 16 bits. */
const longestList = 0xffff

class Writer {
  #buffer: Buffer
  #length = 0

  /** @param expected how many bytes there will be, about */
  constructor(expected = 4096) {
    this.#buffer = Buffer.allocUnsafe(expected)
  }

  /** Makes room, and says where it is. The buffer may be another one afterwards. */
  #room(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    return at
  }

  magic(): void {
    const at = this.#room(4)
    this.#buffer.write('BXP3', at, 'latin1')
  }

  u8(value: number): void {
    const at = this.#room(1)
    this.#buffer[at] = value
  }

  u16(value: number): void {
    const at = this.#room(2)
    this.#buffer.writeUInt16LE(value, at)
  }

  /** A negative number is written in two's complement. */
  u32(value: number): void {
    const at = this.#room(4)
    this.#buffer.writeUInt32LE(value >>> 0, at)
  }

  u64(value: bigint): void {
    const at = this.#room(8)
    this.#buffer.writeBigUInt64LE(value, at)
  }

  string(text: string): void {
    const length = Buffer.byteLength(text)
    this.u32(length)
    const at = this.#room(length + 1)
    this.#buffer.write(text, at, 'utf8')
    this.#buffer[at + length] = 0
  }

  block(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#buffer.set(bytes, at)
  }

  list<Item>(items: readonly Item[], write: (item: Item) => void): void {
    if (items.length > longestList)
      throw new BoxError(
        'ERR_BOX_LIMIT',
        `a list of ${items.length} in a plan: at most ${longestList} words, groups, mounts or rules can be had`,
      )
    this.u16(items.length)
    for (const item of items) write(item)
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}
