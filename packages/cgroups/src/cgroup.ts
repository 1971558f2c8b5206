import { basename } from 'node:path'
import { BoxError, refuseUnknownOptions, type CgroupTarget } from '@box/core'
import { native } from '@box/native'
import { applyAll } from './apply.ts'
import { checkLimits } from './check.ts'
import { compile } from './compile.ts'
import { createPlaces, openPlaces } from './create.ts'
import { delegatePlaces } from './delegate.ts'
import type { PressureLevel, PressureTrigger } from './alarms.ts'
import { eventsOf, type CgroupEvent, type EventKind } from './events.ts'
import { setFrozen } from './freeze.ts'
import { hierarchyOf, pathOf } from './hierarchies/find.ts'
import { thisHost, type Host } from './hierarchies/host.ts'
import { allProcesses, killAll, processesAt } from './kill.ts'
import type { Limits } from './limits.ts'
import { leave, moveProcess } from './move.ts'
import { checkName, markName, thisProcess } from './names.ts'
import { Bandwidth } from './network.ts'
import { cgroupOptions, eventOptions, openOptions, systemdOptions, watchOptions } from './option-names.ts'
import { foldersOf, targetOf, type Places } from './places.ts'
import { Programs } from './programs.ts'
import { readStats } from './read-stats.ts'
import { removePlaces, tryRemove } from './remove.ts'
import type { Stats } from './stats.ts'
import { sweepHost } from './sweep.ts'
import { Scope, type SystemdOptions } from './systemd/scope.ts'
import { viewOf } from './view.ts'
import { changesOf } from './watch.ts'

export interface CgroupOptions {
  /**
   * The group below which the new one is made: another group, or a path as in /proc/PID/cgroup. The group that this process is in by default, in
   * each hierarchy.
   */
  readonly parent?: string | Cgroup | undefined
  /** Controllers to have besides those that the limits need, for accounting or for a later `update`. cpu, memory and pids by default. */
  readonly controllers?: readonly string[] | undefined
  /**
   * The group belongs to this process: its name carries the process's id and start time, and `Cgroup.sweep()` of a later process removes it once
   * this one is dead. False by default.
   */
  readonly temporary?: boolean | undefined
  /** On v2, where this process's group can't have groups with controllers below it: this process moves to a group of its own first. */
  readonly moveSelf?: boolean | undefined
  /**
   * Where systemd runs: it is asked for a delegated scope of the group's name, and the group goes below that. Weights, protection of memory and
   * the upper limits become properties of the unit too, and `close` stops it. Not together with `parent`.
   */
  readonly systemd?: boolean | SystemdOptions | undefined
}

type Role = 'owner' | 'guest' | 'view'

/**
 * A group of processes with limits and accounting (cgroups(7)), in the v2 hierarchy, in v1 hierarchies, or in both at once. A launch with
 * `cgroup: group` starts its process inside; `add` moves a running one.
 */
export class Cgroup implements CgroupTarget, AsyncDisposable {
  readonly #host: Host
  readonly #places: Places
  /** Of who made it: `close()` ends and removes it. Of a view: it was found by a process, and may be shared. */
  readonly #role: Role
  readonly #programs: Programs
  /** For those that watch; made when the first one does, since an abort costs more than all the rest of a close. */
  #ending: AbortController | undefined
  #closed = false
  #scope: Scope | undefined
  #closing: Promise<void> | undefined
  /** The group's folders, for a launch. */
  readonly paths: CgroupTarget['paths']

  /** @internal Use `Cgroup.create`, `Cgroup.open` or `Cgroup.of`. */
  constructor(host: Host, places: Places, role: Role) {
    this.#host = host
    this.#places = places
    this.#role = role
    this.#programs = new Programs(places, role === 'view')
    this.paths = targetOf(places)
  }

  /**
   * Makes a group below the one that this process is in, so that what limits this process limits the group too.
   *
   * @param name One component of a path, 1 to 200 bytes.
   * @param limits What the group may use; nothing is limited by default.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_CGROUP_UNSUPPORTED` naming in `step` the limit that this host lacks;
   *   `ERR_BOX_CGROUP_EXISTS`; `ERR_BOX_CGROUP_BUSY` where v2 can't enable controllers because the parent holds processes; `ERR_BOX_PERMISSION`;
   *   `ERR_BOX_UNSUPPORTED` without cgroups, and with `systemd` without it; `ERR_BOX_TIMEOUT` where systemd does not answer. Nothing is left of the
   *   group then.
   */
  static async create(name: string, limits: Limits = {}, options: CgroupOptions = {}): Promise<Cgroup> {
    refuseUnknownOptions('Cgroup.create', options, cgroupOptions)
    const { parent, controllers, temporary = false, moveSelf = false, systemd = false } = options
    if (typeof systemd === 'object') refuseUnknownOptions('systemd', systemd, systemdOptions)
    const host = thisHost()
    const checked = checkLimits(limits)
    if (systemd !== false && parent !== undefined)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'A group of systemd goes where its slice says: either `parent` or `systemd`')
    // Loaded before the group is made: where it can't be, nothing is made.
    const bandwidth = checked.network && Bandwidth.load(checked.network)
    let scope: Scope | undefined
    try {
      let above = parent instanceof Cgroup ? parent.#places : parent
      if (systemd !== false) {
        const unit = temporary ? markName(checkName(name), thisProcess()) : checkName(name)
        ;[scope, above] = await Scope.start(host, unit, checked, systemd === true ? {} : systemd)
      }
      const places = await createPlaces(host, name, checked, { parent: above, controllers, temporary, moveSelf })
      const group = new Cgroup(host, places, 'owner')
      group.#scope = scope
      scope = undefined
      try {
        group.#programs.filterDevices(checked.devices)
        if (bandwidth !== undefined) group.#programs.attach(bandwidth)
      } catch (error) {
        await group.close()
        throw error
      }
      return group
    } catch (error) {
      bandwidth?.close()
      await scope?.stop(10_000)
      throw error
    }
  }

  /**
   * The group that a process is in. A view: `close()` neither ends nor removes anything.
   * @throws BoxError `ERR_BOX_NOT_FOUND` where there is no such process, `ERR_BOX_UNSUPPORTED` where its group is not visible from here.
   */
  static async of(pid: number): Promise<Cgroup> {
    const host = thisHost()
    return new Cgroup(host, viewOf(host, pid), 'view')
  }

  /**
   * A group that was made before, by this process or by another one: its limits, bandwidth and devices included, can be changed, whoever set them.
   *
   * @param name What it was made with.
   * @param options.parent As for `create`.
   * @param options.own From now on the group is this handle's: `close()` ends and removes it. False by default: `close()` leaves it.
   * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_UNSUPPORTED`.
   */
  static async open(
    name: string,
    options: { readonly parent?: string | Cgroup | undefined; readonly own?: boolean | undefined } = {},
  ): Promise<Cgroup> {
    refuseUnknownOptions('Cgroup.open', options, openOptions)
    const { parent, own = false } = options
    const host = thisHost()
    const places = openPlaces(host, name, parent instanceof Cgroup ? parent.#places : parent)
    const group = new Cgroup(host, places, own ? 'owner' : 'guest')
    group.#programs.expectOthers()
    return group
  }

  /**
   * Removes the temporary groups whose name begins with `prefix` and whose process is dead, and ends what is left in them. Groups below this
   * process's own are looked at.
   * @returns The names, without the mark, of those removed.
   */
  static async sweep(prefix: string, options: { readonly timeout?: number } = {}): Promise<string[]> {
    return await sweepHost(thisHost(), prefix, options.timeout ?? 10_000)
  }

  /**
   * Moves a process, with all its threads, into the group. What it has allocated stays charged to the group it was in.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_PERMISSION`, `ERR_BOX_STATE`.
   */
  async add(process: number | { readonly pid: number }): Promise<void> {
    this.#checkOpen()
    const pid = typeof process === 'number' ? process : process.pid
    try {
      await moveProcess(this.#host, this.#places, pid)
    } catch (error) {
      const { v2 } = this.#places
      if (this.#scope === undefined || v2 === undefined || !(error instanceof BoxError) || error.code !== 'ERR_BOX_PERMISSION') throw error
      await this.#scope.attach(basename(v2), pid)
    }
  }

  /**
   * Changes limits while the group is in use; what is not named stays. On any error the group has the limits that it had before.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_CGROUP_UNSUPPORTED`, also for a controller that the group was not made with (see the
   *   option `controllers` of `create`); `ERR_BOX_STATE`.
   */
  async update(limits: Limits): Promise<void> {
    this.#checkOpen()
    const checked = checkLimits(limits)
    const { v1, v2, controllers } = this.#places
    const onV2 = (it: string): boolean => v2 !== undefined && (it === 'cgroup' || controllers.has(it))
    const writes = compile(checked, (it) => (v1.has(it) ? 1 : onV2(it) ? 2 : undefined))
    const { network } = checked
    if (network !== undefined && this.#role === 'view')
      throw new BoxError('ERR_BOX_STATE', 'The bandwidth of a view cannot be changed: open the group by its name')
    const restoreUnit = await this.#scope?.update(checked)
    try {
      // Bandwidth and devices last: after them nothing can fail any more.
      await applyAll(this.#places, writes, () => {
        this.#programs.filterDevices(checked.devices)
        if (network !== undefined) this.#programs.limitNetwork(network)
      })
    } catch (error) {
      await restoreUnit?.()
      throw error
    }
  }

  /** The unit of systemd that the group is in, where it was made with the option `systemd`: `'build-42.scope'`. */
  get unit(): string | undefined {
    return this.#scope?.unit
  }

  /** What the group, and all groups below it, have used since it was made. */
  async stats(): Promise<Stats> {
    this.#checkOpen()
    return this.#read()
  }

  /**
   * The statistics now, and again whenever they have changed, until the group is closed. Aborting `signal` rejects with its reason.
   *
   * @param options.interval They are read no more often than that, in milliseconds: 1000 by default. While the group is empty or frozen they are not read
   *   at all: the v2 hierarchy tells when that ends. A change of nothing but time, and of the averages of pressure that follow from it, is none.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`.
   */
  async *watch(options: { readonly interval?: number; readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<Stats, void, void> {
    refuseUnknownOptions('watch', options, watchOptions)
    const { interval = 1000, signal } = options
    if (!Number.isFinite(interval) || interval < 1)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${interval} is not an interval in milliseconds`)
    const ended = this.#ended()
    const either = signal === undefined ? ended : AbortSignal.any([ended, signal])
    signal?.throwIfAborted()
    yield* untilAborted(
      changesOf(() => this.#read(), this.#places.v2, interval, either),
      signal,
    )
  }

  /**
   * What the kernel tells of the group from now on, until it is closed: that it became populated or empty, frozen or thawed, ran out of memory, that it
   * stalls, and on v2 what its memory and pids controllers count. Nothing is polled; a state that changes back at once may not be seen. Aborting `signal`
   * rejects with its reason.
   *
   * @param options.kinds Only these; all that the group's hierarchies tell by default.
   * @param options.pressure When to tell of `pressure`: at none by default. A stall needs a v2 folder, beside v1 will do; a level needs v1's memory controller.
   * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for a kind that they do not tell: of pids on v1, and of kills where /dev/kmsg cannot be read; `ERR_BOX_INVALID_ARGUMENT` for a trigger
   *   that the kernel would not take; `ERR_BOX_STATE`.
   */
  events(
    options: {
      readonly kinds?: readonly EventKind[]
      readonly pressure?: readonly (PressureTrigger | PressureLevel)[]
      readonly signal?: AbortSignal
    } = {},
  ): AsyncGenerator<CgroupEvent, void, void> {
    this.#checkOpen()
    refuseUnknownOptions('events', options, eventOptions)
    const { signal } = options
    const ended = this.#ended()
    const events = eventsOf(this.#places, options, signal === undefined ? ended : AbortSignal.any([ended, signal]), this.#memoryGroup())
    return untilAborted(events, signal)
  }

  /** The ids of the processes in the group and in the groups below it. */
  async processes(): Promise<number[]> {
    this.#checkOpen()
    if (this.#role !== 'view') return [...processesAt(this.#places)]
    // The folders of a view may be shared with other processes in some hierarchies and not in others: its group is what they have in common.
    const [first = [], ...rest] = foldersOf(this.#places).map(allProcesses)
    const others = rest.map((pids) => new Set(pids))
    return first.filter((pid) => others.every((pids) => pids.has(pid)))
  }

  /**
   * Gives the group to a user, who may then make groups below it and move processes among them; the group's own limits stay out of reach
   * (cgroups(7), "Cgroup delegation"). A process of that user has to be put into the group first: it cannot come in from outside.
   * @throws BoxError `ERR_BOX_PERMISSION`, `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_STATE` on a view.
   */
  async delegate(user: { readonly uid: number; readonly gid: number }): Promise<void> {
    this.#checkOpen()
    if (this.#role === 'view') throw new BoxError('ERR_BOX_STATE', 'A view cannot be delegated: open the group by its name')
    for (const id of [user.uid, user.gid])
      if (!Number.isSafeInteger(id) || id < 0 || id >= 2 ** 32 - 1)
        throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${id} is not the id of a user or a group of users`)
    delegatePlaces(this.#places, user.uid, user.gid)
  }

  /** Stops every process of the group where it is; resolves when all have stopped. @throws BoxError `ERR_BOX_STATE`. */
  async freeze(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#checkControl('frozen')
    if ((await this.processes()).includes(process.pid))
      throw new BoxError('ERR_BOX_STATE', 'The group cannot be frozen: this process is in it and could not thaw it')
    await setFrozen(this.#places, true, options.signal)
  }

  /** Lets the processes go on. */
  async thaw(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#checkControl('thawed')
    await setFrozen(this.#places, false, options.signal)
  }

  /** Ends every process of the group with SIGKILL, except this one. It does not wait for them. */
  async kill(): Promise<void> {
    this.#checkControl('ended')
    await killAll(this.#places)
  }

  /**
   * Ends what is left in the group, waits until it is gone, and removes the group and those below it. This process is never ended: if it is in
   * the group, it goes back to the group above. A second call does nothing. On a view nothing happens but that its watchers end.
   * @throws BoxError `ERR_BOX_TIMEOUT` when processes are still there after `timeout` milliseconds (10,000 by default).
   */
  close(options: { readonly timeout?: number } = {}): Promise<void> {
    this.#closed = true
    this.#ending?.abort()
    this.#closing ??= this.#close(options.timeout ?? 10_000).catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(timeout: number): Promise<void> {
    if (this.#role !== 'owner') {
      this.#programs.close()
      return
    }
    // A group that nothing is in any more, as most are, is removed without a look into it, and without the event loop.
    const folders = foldersOf(this.#places).toReversed()
    if ((await native().removeGroups(folders)) < folders.length && !tryRemove(this.#places)) {
      if (processesAt(this.#places).has(process.pid)) {
        await killAll(this.#places)
        await leave(this.#places)
      }
      await removePlaces(this.#places, timeout)
    }
    this.#programs.close()
    await this.#scope?.stop(timeout)
  }

  #read(): Stats {
    return readStats(this.#places, this.#programs.networkStats())
  }

  /** The group in the hierarchy of the memory controller, by its name there. */
  #memoryGroup(): string | undefined {
    const { v2, v1, controllers } = this.#places
    const folder = v1.get('memory') ?? (controllers.has('memory') ? v2 : undefined)
    const hierarchy = folder && hierarchyOf(this.#host.hierarchies, folder)
    return hierarchy && folder && pathOf(hierarchy, folder)
  }

  #ended(): AbortSignal {
    this.#ending ??= new AbortController()
    if (this.#closed) this.#ending.abort()
    return this.#ending.signal
  }

  #checkOpen(): void {
    if (this.#closed) throw new BoxError('ERR_BOX_STATE', 'The group is closed')
  }

  #checkControl(what: string): void {
    this.#checkOpen()
    if (this.#places.top)
      throw new BoxError(
        'ERR_BOX_STATE',
        `The group cannot be ${what}: it is the top of a hierarchy and holds every process of the machine`,
      )
  }
}

async function* untilAborted<Item>(
  items: AsyncGenerator<Item, void, void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, void> {
  signal?.throwIfAborted()
  yield* items
  signal?.throwIfAborted()
}
