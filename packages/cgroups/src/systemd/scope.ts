import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { BoxError } from '@box/core'
import type { CheckedLimits } from '../checked.ts'
import { write } from '../files.ts'
import type { Host } from '../hierarchies/host.ts'
import type { Places } from '../places.ts'
import { viewOf } from '../view.ts'
import { Manager, type ManagerAddress, type Property } from './manager.ts'
import { propertiesOf, unset } from './properties.ts'

/** Where systemd puts the scope of a group. */
export interface SystemdOptions {
  /** The slice, such as `'machine.slice'`; what the manager takes for scopes by default: `system.slice`, or `app.slice` of a user. */
  readonly slice?: string | undefined
  /** Asks the manager of this user's services. False by default: the system's. */
  readonly user?: boolean | undefined
  /** What systemctl(1) shows; the group's name by default. */
  readonly description?: string | undefined
  /** The socket of a message bus, or of the manager, instead of the usual ones below /run. */
  readonly bus?: string | undefined
}

/** How long systemd may take to answer. */
const patience = 30_000

/**
 * A scope: a unit of systemd for processes that others start (systemd.scope(5)). It is delegated: systemd makes its folder and leaves what is below to
 * us. systemd ends a scope with its last process, so one process of ours stays in it, which ends with this one.
 */
export class Scope {
  readonly unit: string
  readonly #address: ManagerAddress
  readonly #holder: ChildProcess
  #properties: ReadonlyMap<string, Property>

  private constructor(unit: string, address: ManagerAddress, holder: ChildProcess, properties: readonly Property[]) {
    this.unit = unit
    this.#address = address
    this.#holder = holder
    this.#properties = named(properties)
  }

  /**
   * Starts the scope. The second value is its folders: groups can be made below them.
   * @throws BoxError see `Manager.with`, and `ERR_BOX_INVALID_ARGUMENT`.
   */
  static async start(host: Host, name: string, limits: CheckedLimits, options: SystemdOptions): Promise<readonly [Scope, Places]> {
    const { slice, user = false, description = name, bus } = options
    if (slice !== undefined && !/^[\w:.\\-]{1,240}\.slice$/.test(slice))
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(slice)} is not a slice`, { hint: "such as 'machine.slice'" })
    const unit = unitName(name)
    const address = { user, bus }
    const properties = propertiesOf(limits)
    const holder = await startHolder()
    const scope = new Scope(unit, address, holder, properties)
    try {
      await Manager.with(address, patience, async (manager) => {
        await manager.startTransientUnit(unit, [
          ['Description', 's', description],
          ['PIDs', 'au', [holder.pid ?? 0]],
          ['Delegate', 'b', true],
          ['CollectMode', 's', 'inactive-or-failed'],
          ...(slice === undefined ? [] : [['Slice', 's', slice] as const]),
          ...properties,
        ])
      })
      const places = viewOf(host, holder.pid ?? 0)
      if (places.v2 !== undefined) moveAside(host, places.v2, holder.pid ?? 0)
      return [scope, places]
    } catch (error) {
      await scope.#endHolder()
      throw error
    }
  }

  /**
   * Changes the properties that limits become.
   * @returns what gives back those from before
   */
  async update(limits: CheckedLimits): Promise<() => Promise<void>> {
    const before = this.#properties
    const changed = propertiesOf(limits)
    if (changed.length === 0) return () => Promise.resolve()
    await this.#set(changed)
    this.#properties = new Map([...before, ...named(changed)])
    return async () => {
      await this.#set(changed.map((property) => before.get(property[0]) ?? unset(property)))
      this.#properties = before
    }
  }

  /**
   * Moves a process into a group of the scope. A user may not take one of its own processes from outside into the groups that it was given
   * (cgroups(7), "Delegation containment"): systemd may.
   */
  async attach(group: string, pid: number): Promise<void> {
    await Manager.with(this.#address, patience, (manager) => manager.attachProcesses(this.unit, `/${group}`, [pid]))
  }

  /** Ends the scope and all that is in it; a second call does nothing. */
  async stop(timeout: number): Promise<void> {
    try {
      await Manager.with(this.#address, timeout, async (manager) => {
        await manager.stopUnit(this.unit)
        // The name is free: a scope that is collected is gone already.
        await manager.resetFailedUnit(this.unit)
      })
    } catch (error) {
      if (!(error instanceof BoxError) || error.code !== 'ERR_BOX_NOT_FOUND') throw error
    } finally {
      await this.#endHolder()
    }
  }

  async #set(properties: readonly Property[]): Promise<void> {
    await Manager.with(this.#address, patience, (manager) => manager.setProperties(this.unit, properties))
  }

  async #endHolder(): Promise<void> {
    const holder = this.#holder
    if (holder.exitCode !== null || holder.signalCode !== null) return
    holder.ref()
    const ended = once(holder, 'exit')
    holder.kill('SIGKILL')
    await ended
  }
}

/** As systemd-escape(1): what a unit's name cannot hold is written by its number. */
export function unitName(name: string): string {
  const escaped = [...Buffer.from(name)].map((byte, index) => {
    const letter = String.fromCharCode(byte)
    const plain = index === 0 ? /[\w:-]/ : /[\w:.-]/
    return byte < 128 && plain.test(letter) ? letter : `\\x${byte.toString(16).padStart(2, '0')}`
  })
  const unit = `${escaped.join('')}.scope`
  if (unit.length <= 255) return unit
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(name)} is too long for the name of a unit of systemd`)
}

/** A process that does nothing until this one has ended: then its input ends. A session of its own keeps signals of the terminal from it. */
async function startHolder(): Promise<ChildProcess> {
  const holder = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/', env: { PATH: '/usr/bin:/bin' } })
  try {
    await once(holder, 'spawn')
  } catch (cause) {
    throw new BoxError('ERR_BOX_SYSTEM', 'The process that holds a scope cannot be started', { syscall: 'execve', path: 'cat', cause })
  }
  holder.unref()
  // The other end of a pipe that nobody reads any more is no error of ours.
  holder.stdin.on('error', () => undefined)
  if ('unref' in holder.stdin && typeof holder.stdin.unref === 'function') holder.stdin.unref()
  return holder
}

/** On v2 a group that has groups with controllers below it holds no process itself. */
function moveAside(host: Host, scope: string, pid: number): void {
  const aside = `${scope}/box-holder`
  host.makeFolder(aside)
  write(aside, 'cgroup.procs', `${pid}`)
}

function named(properties: readonly Property[]): ReadonlyMap<string, Property> {
  return new Map(properties.map((property) => [property[0], property]))
}
