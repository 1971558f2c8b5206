/**
 * Plans that were compiled lately. Many launches of a program differ in nothing but their group: what is the same as before is neither
 * compiled nor encoded again. Options are compared value by value with a copy, since their owner may change them.
 */
import type { Root } from '@box/core'
import type { SpawnOptions } from '../options.ts'
import type { PlanContext } from './context.ts'

/** Options that compiled steps do not depend on. */
const left: ReadonlySet<string> = new Set(['cgroup', 'signal', 'onSystemCall'] satisfies (keyof SpawnOptions)[])

const most = 8
const deepest = 8

type Origin = Pick<PlanContext, 'uid' | 'gid' | 'cwd'>

interface Entry<Value> {
  readonly command: Copy
  readonly options: Copy
  readonly origin: Origin
  readonly value: Value
}

/** The last few values, each with what it was made of. */
export class Recent<Value> {
  #entries: readonly Entry<Value>[] = []

  find(command: readonly string[], options: SpawnOptions, { uid, gid, cwd }: Origin): Value | undefined {
    if (typeof options !== 'object' || options === null) return undefined
    for (const entry of this.#entries) {
      const { origin } = entry
      if (origin.uid !== uid || origin.gid !== gid || origin.cwd !== cwd || !isSame(command, entry.command)) continue
      if (!isSameObject(options, entry.options, true)) continue
      if (entry !== this.#entries[0]) this.#first(entry)
      return entry.value
    }
    return undefined
  }

  /** Keeps it, where the options are plain data. */
  keep(command: readonly string[], options: SpawnOptions, { uid, gid, cwd }: Origin, value: Value): void {
    const [commandCopy, copy] = [copyOf(command, deepest), copyObject(options, deepest, true)]
    if (commandCopy instanceof Copy && copy !== undefined)
      this.#first({ command: commandCopy, options: copy, origin: { uid, gid, cwd }, value })
  }

  #first(entry: Entry<Value>): void {
    this.#entries = [entry, ...this.#entries.filter((other) => other !== entry)].slice(0, most)
  }
}

/** A list, which has no names, or an object with its own names. */
class Copy {
  readonly names: readonly string[] | undefined
  readonly values: readonly unknown[]

  constructor(names: readonly string[] | undefined, values: readonly unknown[]) {
    this.names = names
    this.values = values
  }
}

/** Gives undefined for what is not plain data. */
function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === 'function') return notPlain
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return notPlain
  if (!Array.isArray(value)) return isPlain(value) ? (copyObject(value, depth, false) ?? notPlain) : notPlain
  const values = value.map((item: unknown) => copyOf(item, depth - 1))
  return values.includes(notPlain) ? notPlain : new Copy(undefined, values)
}

const notPlain = Symbol('not plain data')

function copyObject(object: object, depth: number, isOptions: boolean): Copy | undefined {
  const names = Object.keys(object).filter((name) => !isOptions || !left.has(name))
  const values = names.map((name) => {
    const value = valueOf(object, name, isOptions)
    return isOptions && name === 'seccomp' ? value : copyOf(value, depth - 1)
  })
  return values.includes(notPlain) ? undefined : new Copy(names, values)
}

function isSame(value: unknown, copy: unknown): boolean {
  if (!(copy instanceof Copy)) return Object.is(value, copy)
  if (typeof value !== 'object' || value === null) return false
  if (copy.names !== undefined) return isPlain(value) && isSameObject(value, copy, false)
  return Array.isArray(value) && value.length === copy.values.length && copy.values.every((item, index) => isSame(value[index], item))
}

function isSameObject(object: object, { names = [], values }: Copy, isOptions: boolean): boolean {
  let count = 0
  for (const name of Object.keys(object)) {
    if (isOptions && left.has(name)) continue
    if (names[count] !== name || !isSame(valueOf(object, name, isOptions), values[count])) return false
    count += 1
  }
  return count === names.length
}

function valueOf(object: object, name: string, isOptions: boolean): unknown {
  const value: unknown = Reflect.get(object, name)
  return isOptions && name === 'root' && isRoot(value) ? partsOf(value) : value
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

function isRoot(value: unknown): value is Root {
  return typeof value === 'object' && value !== null && 'fd' in value
}

/** A root is mostly a handle; a plan has its descriptors' numbers. */
function partsOf({ fd, path, userNamespace }: Root): object {
  if (userNamespace === undefined) return { fd, path }
  return { fd, path, userNamespace: { fd: userNamespace.fd, uid: userNamespace.uidMappings, gid: userNamespace.gidMappings } }
}
