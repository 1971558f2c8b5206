import { parseSize, refuseUnknownOptions } from '@box/core'
import { resolve } from 'node:path'
import {
  type BindMount,
  type Device,
  type Mount,
  type MountAttributes,
  type OverlayMount,
  standardDevices,
  standardMounts,
} from '../mounts.ts'
import { Namespace } from '../namespace.ts'
import { deviceOptions, mountOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { PlanContext } from './context.ts'
import type { Draft } from './draft.ts'
import { absolute, below, id, invalid, text, whole } from './invalid.ts'
import type { Namespaces } from './namespaces.ts'
import type { Attribute, SlotReference } from './steps.ts'
import { compileTerminal } from './terminal.ts'

/** The steps that build the file system of a new mount namespace, from its propagation to its masks. */
export function compileFilesystem(options: SpawnOptions, namespaces: Namespaces, context: PlanContext, draft: Draft): void {
  if (!namespaces.fresh.has('mount')) {
    for (const option of ['mounts', 'devices', 'maskedPaths', 'readOnlyPaths', 'rootPropagation'] as const) {
      if (options[option] !== undefined) throw invalid(option, 'what is given', 'possible without a new mount namespace')
    }
    if (options.readOnlyRoot === true) throw invalid('readOnlyRoot', true, 'possible without a new mount namespace')
    compileTerminal(options, namespaces, draft)
    return
  }
  const propagation = options.rootPropagation ?? 'rprivate'
  // Nothing that happens here may reach outside, whatever is asked for inside.
  draft.add({ do: 'propagation', propagation: /slave|shared/.test(propagation) ? 'rslave' : 'rprivate' })
  if (options.root !== undefined)
    draft.add({
      do: 'root',
      slot: rootTree(options.root.fd, context, draft),
      source: options.root.path === undefined ? '' : text('root.path', options.root.path),
    })
  const filesystem = new Filesystem(namespaces, context, draft)
  for (const mount of options.mounts ?? defaultMounts(options, namespaces)) filesystem.mount(mount)
  const devices = options.devices ?? (options.root === undefined ? [] : standardDevices)
  for (const device of devices) filesystem.device(device)
  if (options.root !== undefined) filesystem.links()
  compileTerminal(options, namespaces, draft)
  if (options.readOnlyRoot === true) draft.add({ do: 'attributes', target: '/', recursive: false, attributes: ['readOnly'] })
  if (options.root !== undefined) draft.add({ do: 'pivot' })
  if (/shared|unbindable/.test(propagation)) draft.add({ do: 'propagation', propagation })
  for (const path of options.readOnlyPaths ?? []) draft.add({ do: 'readOnlyPath', path: below('readOnlyPaths', path) })
  for (const path of options.maskedPaths ?? []) draft.add({ do: 'mask', path: below('maskedPaths', path) })
}

function rootTree(fd: number, context: PlanContext, draft: Draft): SlotReference {
  return draft.open({ do: 'tree', slot: draft.giveFd('root.fd', fd), recursive: true, attributes: [], ...cloning(context, undefined) })
}

/** Who clones a mount: the caller, where it may. Other ids can be shown only by the caller. */
function cloning(context: PlanContext, idMap: SlotReference | undefined): { readonly noClone?: true } {
  return idMap === undefined && context.denied().has('mount-clone') ? { noClone: true } : {}
}

/** Without a root of its own a process keeps the caller's files, and sees the processes of its own pid namespace. */
function defaultMounts(options: SpawnOptions, namespaces: Namespaces): readonly Mount[] {
  if (options.root !== undefined) return standardMounts
  return namespaces.fresh.has('pid') ? [{ type: 'proc', target: '/proc', nosuid: true, nodev: true, noexec: true }] : []
}

class Filesystem {
  readonly #namespaces: Namespaces
  readonly #context: PlanContext
  readonly #draft: Draft

  constructor(namespaces: Namespaces, context: PlanContext, draft: Draft) {
    this.#namespaces = namespaces
    this.#context = context
    this.#draft = draft
  }

  mount(mount: Mount): void {
    refuseUnknownNames(mount)
    const target = below('mounts.target', mount.target)
    switch (mount.type) {
      case 'bind':
        this.#bind(mount.source, mount, mount.recursive ?? true, mount)
        break
      case 'tmpfs':
        this.#add('tmpfs', mount, [
          ...parameter('size', mount.size === undefined ? undefined : String(parseSize(mount.size))),
          ...parameter('mode', octal('mounts.mode', mount.mode)),
          ...parameter('uid', identifier('mounts.uid', mount.uid)),
          ...parameter('gid', identifier('mounts.gid', mount.gid)),
        ])
        break
      case 'devpts':
        this.#add('devpts', mount, [
          ['newinstance', ''],
          ...parameter('ptmxmode', octal('mounts.ptmxmode', mount.ptmxmode ?? 0o666)),
          ...parameter('mode', octal('mounts.mode', mount.mode ?? 0o620)),
          ...parameter('gid', identifier('mounts.gid', mount.gid)),
        ])
        break
      case 'overlay':
        this.#overlay(mount, target)
        break
      case 'proc':
        this.#add('proc', mount, [
          ...parameter('hidepid', oneOf('mounts.hidepid', visibilities, mount.hidepid)),
          ...parameter('gid', identifier('mounts.gid', mount.gid)),
          ...parameter('subset', oneOf('mounts.subset', ['pid'], mount.subset)),
        ])
        break
      case 'sysfs':
      case 'mqueue':
        // Where the kernel refuses a new one, the caller's is bound; but not every machine has an mqueue mounted.
        if (mount.type === 'sysfs' && this.#context.denied().has('sysfs')) this.#bind('/sys', mount, true)
        else this.#add(mount.type, mount, [], true)
        break
      case 'cgroup':
        this.#cgroups(mount, target)
        break
    }
  }

  #add(kind: string, mount: MountAttributes, parameters: readonly (readonly [string, string])[], orBind = false): void {
    const { target, propagation } = mount
    this.#draft.add({ do: 'mount', kind, target, parameters, attributes: attributesOf(mount), propagation, orBind })
  }

  #bind(
    source: string | { readonly fd: number },
    mount: MountAttributes,
    recursive: boolean,
    { userNamespace, recursiveAttributes = true }: Pick<BindMount, 'userNamespace' | 'recursiveAttributes'> = {},
  ): void {
    if (!isSource(source)) throw invalid('mounts.source', source, 'a path, or an object with a descriptor')
    const attributes = attributesOf(mount)
    const path = typeof source === 'string' ? resolve(this.#context.cwd, text('mounts.source', source)) : ''
    if (userNamespace instanceof Namespace && userNamespace.kind !== 'user')
      throw invalid('mounts.userNamespace', `a ${userNamespace.kind} namespace`, 'a user namespace')
    const idMap = userNamespace === undefined ? undefined : this.#draft.giveFd('mounts.userNamespace.fd', userNamespace.fd)
    const topAlone = !recursiveAttributes || undefined
    const how = { recursive, attributes, topAlone, idMap, ...cloning(this.#context, idMap) }
    const slot =
      typeof source === 'string'
        ? this.#draft.open({ do: 'source', path, ...how })
        : this.#draft.open({ do: 'tree', slot: this.#draft.giveFd('mounts.source.fd', source.fd), ...how })
    const { target, propagation } = mount
    this.#draft.add({ do: 'bind', slot, source: path, target, recursive, attributes, topAlone, propagation })
  }

  #overlay(mount: OverlayMount, target: string): void {
    const { upper, work, propagation } = mount
    const folder = (option: string, path: string): string => resolve(this.#context.cwd, text(option, path))
    if ((upper === undefined) !== (work === undefined)) throw invalid('mounts.upper', 'one of upper and work', 'complete: both, or none')
    const least = upper === undefined ? 2 : 1
    if (mount.lowers === undefined) throw invalid('mounts.lowers', mount.lowers, 'a list of folders')
    if (mount.lowers.length < least || mount.lowers.length > 500)
      throw invalid('mounts.lowers', `a list of ${mount.lowers.length}`, `a list of ${least} to 500 folders`)
    const folders = {
      lowers: mount.lowers.map((path) => folder('mounts.lowers', path)),
      ...(upper === undefined || work === undefined ? {} : { upper: folder('mounts.upper', upper), work: folder('mounts.work', work) }),
      attributes: attributesOf(mount),
    }
    if (this.#context.uid !== 0) {
      this.#draft.add({ do: 'overlay', target, propagation, ...folders })
      return
    }
    const slot = this.#draft.open({ do: 'overlay', ...folders })
    this.#draft.add({ do: 'bind', slot, source: '', target, recursive: false, attributes: [], propagation })
  }

  /** The hierarchies as the host has them, each seen from the process's own group. */
  #cgroups(mount: MountAttributes, target: string): void {
    if (!this.#namespaces.fresh.has('cgroup')) {
      this.#bind('/sys/fs/cgroup', { ...mount, readOnly: true }, true)
      return
    }
    const { unified, v1 } = this.#context.cgroups()
    if (unified === 'only') {
      this.#add('cgroup2', mount, [])
      return
    }
    const attributes = attributesOf(mount)
    const open = attributes.filter((attribute) => attribute !== 'readOnly')
    this.#draft.add({ do: 'mount', kind: 'tmpfs', target, parameters: [['mode', '0755']], attributes: open })
    for (const { name, parameters } of v1)
      this.#draft.add({ do: 'mount', kind: 'cgroup', target: `${target}/${name}`, parameters, attributes })
    if (unified === 'beside') this.#draft.add({ do: 'mount', kind: 'cgroup2', target: `${target}/unified`, parameters: [], attributes })
    for (const { name } of v1) {
      const parts = name.split(',')
      if (parts.length > 1) for (const part of parts) this.#draft.add({ do: 'link', path: `${target}/${part}`, value: name })
    }
    if (attributes.includes('readOnly')) this.#draft.add({ do: 'attributes', target, recursive: false, attributes: ['readOnly'] })
  }

  device(device: Device): void {
    refuseUnknownOptions('a device', device, deviceOptions)
    const path = absolute('devices.path', device.path)
    const { type } = device
    if (!['char', 'block', 'fifo'].includes(type)) throw invalid('devices.type', type, "'char', 'block' or 'fifo'")
    const major = whole('devices.major', device.major ?? 0, 0, 0xfff)
    const minor = whole('devices.minor', device.minor ?? 0, 0, 0xfffff)
    const mode = whole('devices.mode', device.mode ?? 0o666, 0, 0o7777)
    const [uid, gid] = [id('devices.uid', device.uid ?? 0), id('devices.gid', device.gid ?? 0)]
    const bound = (this.#namespaces.foreignUser || this.#context.denied().has('device-nodes')) && type !== 'fifo'
    const slot = bound ? this.#draft.open({ do: 'device', path, type, major, minor }) : undefined
    this.#draft.add({ do: 'device', path, type, major, minor, mode, uid, gid, slot })
  }

  /** The links that runtime-spec's runtime-linux.md asks for. */
  links(): void {
    const links: readonly (readonly [string, string])[] = [
      ['/dev/fd', '/proc/self/fd'],
      ['/dev/stdin', '/proc/self/fd/0'],
      ['/dev/stdout', '/proc/self/fd/1'],
      ['/dev/stderr', '/proc/self/fd/2'],
      ['/dev/ptmx', 'pts/ptmx'],
    ]
    for (const [path, value] of links) this.#draft.add({ do: 'link', path, value })
  }
}

/** An empty path would be the caller's working directory. */
function isSource(source: unknown): boolean {
  return typeof source === 'string' ? source !== '' : typeof source === 'object' && source !== null && 'fd' in source
}

function refuseUnknownNames(mount: Mount): void {
  if (typeof mount !== 'object' || !Object.hasOwn(mountOptions, mount.type))
    throw invalid('mounts.type', mount.type, `one of ${Object.keys(mountOptions).join(', ')}`)
  refuseUnknownOptions(`a ${mount.type} mount`, mount, mountOptions[mount.type])
}

const attributeNames: readonly Attribute[] = ['readOnly', 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow']

function attributesOf(mount: MountAttributes): readonly Attribute[] {
  return attributeNames.filter((name) => mount[name] === true)
}

function parameter(name: string, value: string | undefined): readonly (readonly [string, string])[] {
  return value === undefined ? [] : [[name, value]]
}

const visibilities = ['off', 'noaccess', 'invisible', 'ptraceable'] as const

function oneOf<Name extends string>(option: string, names: readonly Name[], name: Name | undefined): Name | undefined {
  if (name !== undefined && !names.includes(name)) throw invalid(option, name, `one of ${names.join(', ')}`)
  return name
}

function octal(option: string, mode: number | undefined): string | undefined {
  return mode === undefined ? undefined : `0${whole(option, mode, 0, 0o7777).toString(8)}`
}

function identifier(option: string, value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(id(option, value))
}
