import { existsSync } from 'node:fs'
import { BoxError } from '@box/core'
import { Connection, DBusError } from './dbus/connection.ts'
import type { Message } from './dbus/message.ts'
import { Variant, type Value } from './dbus/value.ts'

/** A property of a unit: its name, the type that systemd gives it, and its value (org.freedesktop.systemd1(5)). */
export type Property = readonly [name: string, signature: string, value: Value]

/** Where the service manager is asked. */
export interface ManagerAddress {
  /** The manager of this user's services instead of the system's. */
  readonly user: boolean
  /** The socket; one of the manager's own where it is undefined. */
  readonly bus: string | undefined
}

const destination = 'org.freedesktop.systemd1'
const path = '/org/freedesktop/systemd1'
const managerInterface = 'org.freedesktop.systemd1.Manager'

/** systemd, over D-Bus: those methods of its manager that a scope needs (org.freedesktop.systemd1(5), "The Manager Object"). */
export class Manager {
  readonly #connection: Connection
  readonly #signal: AbortSignal

  private constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
  }

  /**
   * Connects, does the work, and disconnects.
   * @throws BoxError `ERR_BOX_UNSUPPORTED` without a bus, `ERR_BOX_PERMISSION`, `ERR_BOX_CGROUP_EXISTS` where a unit has that name,
   *   `ERR_BOX_NOT_FOUND` where none has, `ERR_BOX_TIMEOUT`, `ERR_BOX_SYSTEM` with systemd's words.
   */
  static async with<Result>(address: ManagerAddress, timeout: number, work: (manager: Manager) => Promise<Result>): Promise<Result> {
    const signal = AbortSignal.timeout(timeout)
    let connection: Connection | undefined
    try {
      connection = await Connection.open(socketOf(address), signal)
      const manager = new Manager(connection, signal)
      // A bus gives a name to who says hello; the manager's own socket has no bus behind it, and answers with an error.
      await manager.#ask('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'Hello').catch(ifUnknown)
      return await work(manager)
    } catch (error) {
      if (signal.aborted) throw new BoxError('ERR_BOX_TIMEOUT', `systemd has not answered within ${timeout} ms`, { cause: error })
      throw error instanceof DBusError ? managerError(error) : error
    } finally {
      connection?.close()
    }
  }

  /** Starts a unit that exists only in memory; resolves when it has started. */
  async startTransientUnit(unit: string, properties: readonly Property[]): Promise<void> {
    await this.#job(unit, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'fail', properties.map(valueOf), []])
  }

  /** Changes properties of a unit until it ends. */
  async setProperties(unit: string, properties: readonly Property[]): Promise<void> {
    await this.#ask(destination, path, managerInterface, 'SetUnitProperties', 'sba(sv)', [unit, true, properties.map(valueOf)])
  }

  /** Moves processes into the unit, or into the group of that path below it (`/app`). */
  async attachProcesses(unit: string, below: string, pids: readonly number[]): Promise<void> {
    await this.#ask(destination, path, managerInterface, 'AttachProcessesToUnit', 'ssau', [unit, below, pids])
  }

  /** Stops a unit: resolves when its processes are gone. */
  async stopUnit(unit: string): Promise<void> {
    await this.#job(unit, 'StopUnit', 'ss', [unit, 'replace'])
  }

  /** Forgets that a unit has failed, so that its name is free. */
  async resetFailedUnit(unit: string): Promise<void> {
    await this.#ask(destination, path, managerInterface, 'ResetFailedUnit', 's', [unit])
  }

  /** A method that begins a job; resolves when systemd tells that it is done. */
  async #job(unit: string, member: string, signature: string, body: readonly Value[]): Promise<void> {
    const results = new Map<string, string>()
    let wake: (() => void) | undefined
    // Listened to before the call: the job may be done before its name is known here.
    const unlisten = this.#connection.onSignal((message) => {
      const removed = removedJob(message)
      if (removed === undefined) return
      results.set(removed.job, removed.result)
      wake?.()
    })
    try {
      const rule = `type='signal',interface='${managerInterface}',member='JobRemoved',path='${path}'`
      await this.#ask('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'AddMatch', 's', [rule]).catch(ifUnknown)
      await this.#ask(destination, path, managerInterface, 'Subscribe')
      const [job] = await this.#ask(destination, path, managerInterface, member, signature, body)
      if (typeof job !== 'string') throw new BoxError('ERR_BOX_SYSTEM', `systemd has answered ${member} without a job`)
      await this.#orTimeout(
        new Promise<void>((resolve) => {
          wake = () => (results.has(job) ? resolve() : undefined)
          wake()
        }),
      )
      const result = results.get(job)
      if (result !== 'done')
        throw new BoxError('ERR_BOX_SYSTEM', `systemd could not carry out ${member} of ${unit}: the job is ${result}`, { step: member })
    } finally {
      unlisten()
    }
  }

  async #ask(
    to: string,
    object: string,
    interfaceName: string,
    member: string,
    signature = '',
    body: readonly Value[] = [],
  ): Promise<readonly Value[]> {
    return await this.#orTimeout(
      this.#connection.call({ destination: to, path: object, interface: interfaceName, member, signature, body }),
    )
  }

  async #orTimeout<Result>(work: Promise<Result>): Promise<Result> {
    const signal = this.#signal
    let abort: (() => void) | undefined
    const late = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason)
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
    })
    try {
      return await Promise.race([work, late])
    } finally {
      if (abort !== undefined) signal.removeEventListener('abort', abort)
    }
  }
}

/** The manager listens on a socket of its own, for who may control it, so that no message bus is needed; others ask through the bus. */
function socketOf({ user, bus }: ManagerAddress): string {
  if (bus !== undefined) return bus
  const uid = process.geteuid?.() ?? 0
  const sockets = user
    ? [`/run/user/${uid}/systemd/private`, `/run/user/${uid}/bus`]
    : [...(uid === 0 ? ['/run/systemd/private'] : []), '/run/dbus/system_bus_socket']
  const found = sockets.find((it) => existsSync(it))
  if (found !== undefined) return found
  throw new BoxError('ERR_BOX_UNSUPPORTED', `systemd cannot be asked for a scope: there is no ${sockets.join(' and no ')}`, {
    path: sockets[0],
    hint: user
      ? 'log in, or let the user manager run without a login: loginctl enable-linger'
      : 'leave out `systemd` where it is not process 1',
  })
}

function valueOf([name, signature, value]: Property): Value {
  return [name, new Variant(signature, value)]
}

function removedJob({ interface: from, member, body }: Message): { readonly job: string; readonly result: string } | undefined {
  const [, job, , result] = body
  if (from !== managerInterface || member !== 'JobRemoved' || typeof job !== 'string' || typeof result !== 'string') return undefined
  return { job, result }
}

/** What the manager's own socket says to what only a bus has. */
function ifUnknown(error: unknown): readonly Value[] {
  if (error instanceof DBusError && /\.(?:UnknownMethod|UnknownObject|UnknownInterface|ServiceUnknown|NotSupported)$/.test(error.errorName))
    return []
  throw error
}

function managerError(error: DBusError): BoxError {
  const { errorName, message } = error
  const name = errorName.slice(errorName.lastIndexOf('.') + 1)
  const details = { step: errorName, cause: error }
  switch (name) {
    case 'UnitExists':
      return new BoxError('ERR_BOX_CGROUP_EXISTS', message, details)
    case 'NoSuchUnit':
      return new BoxError('ERR_BOX_NOT_FOUND', message, details)
    case 'AccessDenied':
    case 'InteractiveAuthorizationRequired':
      return new BoxError('ERR_BOX_PERMISSION', `systemd does not allow it: ${message}`, {
        ...details,
        hint: 'an ordinary user asks its own manager: `systemd: { user: true }`',
      })
    case 'PropertyReadOnly':
    case 'InvalidArgs':
      return new BoxError('ERR_BOX_INVALID_ARGUMENT', `systemd does not take it: ${message}`, details)
    default:
      return new BoxError('ERR_BOX_SYSTEM', `systemd has refused: ${message}`, details)
  }
}
