import type { EnterStep, GivenSlot, PlanData, PrepareStep, SlotReference } from './steps.ts'

/** The plan in words: the two halves, step by step. */
export function explain(plan: PlanData): string {
  const name = (slot: SlotReference): string => ('given' in slot ? `given ${slot.given}` : `prepared ${slot.prepared}`)
  const lines = [
    `command  ${plan.command.map((argument) => JSON.stringify(argument)).join(' ')}`,
    `descriptors  ${plan.descriptors.flatMap((slot, number) => (slot === 'closed' ? [] : [`${number} ${slot === 'terminal' ? slot : givenText(plan.given[slot])}`])).join(', ')}`,
    'prepare, outside:',
    ...numbered(plan.prepare.map((step) => prepareText(step, name))),
    'process:',
    ...numbered(processText(plan, name)),
    'enter, inside:',
    ...numbered([...plan.enter.map((step) => enterText(step, name)), `execute ${plan.command[0] ?? ''}`]),
  ]
  return `${lines.join('\n')}\n`
}

type Name = (slot: SlotReference) => string

function numbered(texts: readonly string[]): string[] {
  return texts.length === 0 ? ['     nothing'] : texts.map((text, index) => `${String(index + 1).padStart(4)} ${text}`)
}

function givenText(slot: GivenSlot | undefined): string {
  switch (slot?.from) {
    case 'fd':
      return `descriptor ${slot.fd}`
    case 'path':
      return slot.path
    case 'input':
    case 'output':
      return 'pipe'
    default:
      return '/dev/null'
  }
}

function processText(plan: PlanData, name: Name): string[] {
  const lines = plan.joins.map((join) => `join ${join.kinds.join(', ')} (${name(join.slot)})`)
  lines.push(`clone with ${plan.namespaces.length === 0 ? 'no new namespace' : `new ${plan.namespaces.join(', ')}`}`)
  if (plan.cgroupV2 !== '') lines.push(`born in ${plan.cgroupV2}`)
  for (const path of plan.cgroupV1) lines.push(`enter ${path}`)
  if (plan.uidMap !== '')
    lines.push(
      `map uids ${mapWords(plan.uidMap)}; gids ${mapWords(plan.gidMap)}${plan.mappers.length === 0 ? '' : `, by ${plan.mappers.join(' and ')}`}`,
    )
  if (plan.timeOffsets !== '') lines.push(`clocks ${plan.timeOffsets.trim().replaceAll('\n', ', ')}`)
  lines.push(plan.detached ? 'lives on when the caller ends' : 'ends when the caller ends')
  if (plan.init) lines.push('an init is process 1')
  return lines
}

function mapWords(map: string): string {
  return map
    .trim()
    .split('\n')
    .map((line) => {
      const [inside, outside, size] = line.split(' ')
      return `${inside}→${outside} ×${size}`
    })
    .join(', ')
}

function prepareText(step: PrepareStep, name: Name): string {
  switch (step.do) {
    case 'source':
      return `open ${step.path} as a mount${extras([...step.attributes, ...clonedWords(step, name)])}`
    case 'tree':
      return `clone the mount ${name(step.slot)}${extras([...step.attributes, ...clonedWords(step, name)])}`
    case 'overlay':
      return overlayText(step)
    case 'device':
      return `open the ${step.type} device ${step.path}, checked to be ${step.major}:${step.minor}`
  }
}

function clonedWords({ idMap, noClone, topAlone }: Extract<PrepareStep, { do: 'source' | 'tree' }>, name: Name): string[] {
  return [
    ...topWords(topAlone),
    ...(idMap === undefined ? [] : [`ids of ${name(idMap)}`]),
    ...(noClone === true ? ['cloned by the child'] : []),
  ]
}

function topWords(topAlone: boolean | undefined): string[] {
  return topAlone === true ? ['the uppermost mount alone'] : []
}

function overlayText({
  lowers,
  upper,
  attributes,
}: Extract<PrepareStep, { do: 'overlay' }> | Extract<EnterStep, { do: 'overlay' }>): string {
  return `overlay of ${[...(upper === undefined ? [] : [`${upper}, written`]), ...lowers].join(' over ')}${extras(attributes)}`
}

function extras(words: readonly string[]): string {
  return words.length === 0 ? '' : ` (${words.join(', ')})`
}

function enterText(step: EnterStep, name: Name): string {
  switch (step.do) {
    case 'become':
      return `become user ${step.uid}, group ${step.gid} of the user namespace`
    case 'hostname':
      return `host name ${step.name}`
    case 'domainname':
      return `domain name ${step.name}`
    case 'loopback':
      return 'bring lo up'
    case 'cgroupNamespace':
      return 'new cgroup namespace'
    case 'sysctl':
      return `sysctl ${step.name} = ${step.value}`
    case 'rlimit':
      return `limit ${step.resource} to ${step.soft} (hard ${step.hard})`
    case 'oomScoreAdj':
      return `oom_score_adj ${step.value}`
    case 'propagation':
      return `propagation of all mounts ${step.propagation}`
    case 'root':
      return `attach the root (${name(step.slot)})`
    case 'mount':
      return `mount ${step.kind} at ${step.target}${extras([...step.parameters.map(([key, value]) => (value === '' ? key : `${key}=${value}`)), ...step.attributes])}`
    case 'bind':
      return `bind ${step.source === '' ? name(step.slot) : step.source} at ${step.target}${extras([...step.attributes, ...topWords(step.topAlone)])}`
    case 'overlay':
      return `${overlayText(step)} at ${step.target}`
    case 'attributes':
      return `make ${step.target} ${step.attributes.join(', ')}`
    case 'device':
      return `${step.slot === undefined ? 'make' : 'bind'} ${step.path}, ${step.type} ${step.major}:${step.minor}`
    case 'link':
      return `link ${step.path} → ${step.value}`
    case 'pivot':
      return 'pivot into the root, detach the old one'
    case 'readOnlyPath':
      return `make ${step.path} read-only, if it is there`
    case 'mask':
      return `hide ${step.path}, if it is there`
    case 'umask':
      return `umask 0${step.mask.toString(8)}`
    case 'directory':
      return `change to ${step.path}`
    case 'terminal':
      return `new terminal of ${step.own ? 'the devpts that is mounted' : '/dev/ptmx'}, ${step.columns}×${step.rows}${step.owner === undefined ? '' : `, of user ${step.owner}`}${step.console === undefined ? '' : `, bound at ${step.console}`}`
    case 'bounding':
      return `bounding set ${bitText(step.capabilities)}`
    case 'user':
      return `user ${step.uid}, group ${step.gid}${step.groups === undefined ? '' : `, additional groups ${step.groups.join(', ') || 'none'}`}`
    case 'capabilities':
      return `capabilities: effective ${bitText(step.effective)}; permitted ${bitText(step.permitted)}; inheritable ${bitText(step.inheritable)}; ambient ${bitText(step.ambient)}`
    case 'noNewPrivileges':
      return 'no new privileges'
    case 'seccomp':
      return `filter of ${step.filter.length / 8} instructions`
    case 'landlock':
      return `landlock: files ${bitText(step.files)}, network ${bitText(step.network)}, scopes ${bitText(step.scopes)}${extras([...step.paths.map(([path, rights]) => `${path} ${bitText(rights)}`), ...step.ports.map(([port, rights]) => `port ${port} ${bitText(rights)}`)])}`
    case 'scheduler':
      return `scheduler: policy ${step.policy}, flags ${step.flags}, nice ${step.nice}, priority ${step.priority}, runtime ${step.runtime} ns, deadline ${step.deadline} ns, period ${step.period} ns`
    case 'ioPriority':
      return `I/O priority: class ${step.value >> 13}, ${step.value & 0x1fff}`
    case 'affinity':
      return `processors ${step.processors.join(', ')}`
    case 'memoryPolicy':
      return `memory policy ${step.mode}${extras(step.nodes.map((node) => `node ${node}`))}`
    case 'personality':
      return `personality ${bitText(BigInt(step.value))}`
    case 'sessionKeyring':
      return `new session keyring ${step.name}`
  }
}

function bitText(bits: bigint): string {
  return `0x${bits.toString(16)}`
}
