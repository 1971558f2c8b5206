import { fromNative } from '@box/core'
import { type Launches, type LaunchTicket, type ProcessEvent, native } from '@box/native'
import { hintOf } from './hints.ts'

let launches: Launches | undefined
const listeners = new Map<number, (event: ProcessEvent) => void>()

/** Hands a plan to the core. `listener` gets what becomes of it, after this call has returned. */
export function start(plan: Uint8Array, slots: number[], listener: (event: ProcessEvent) => void): LaunchTicket {
  const reactor = connect()
  const ticket = callNative(() => reactor.launch(plan, slots))
  listeners.set(ticket.id, listener)
  // Node must not end while something is to come; with nothing to come it must not be kept.
  if (listeners.size === 1) reactor.hold(true)
  return ticket
}

function connect(): Launches {
  launches ??= callNative(() => new (native().Launches)(dispatch))
  return launches
}

function dispatch(event: ProcessEvent): void {
  const listener = listeners.get(event.id)
  if (event.kind === 'failed' || event.kind === 'exited') {
    listeners.delete(event.id)
    if (listeners.size === 0) launches?.hold(false)
  }
  listener?.(event)
}

/** Calls the core. What it throws becomes a BoxError with this stack. */
export function callNative<Value>(call: () => Value): Value {
  try {
    return call()
  } catch (thrown) {
    throw fromNative(thrown, hintOf)
  }
}

/** As `callNative`, for what the core does on a thread of its own. */
export async function callNativeAsync<Value>(call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (thrown) {
    throw fromNative(thrown)
  }
}
