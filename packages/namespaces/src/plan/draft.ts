import { whole } from './invalid.ts'
import type { EnterStep, GivenSlot, PrepareStep, SlotReference } from './steps.ts'

/** A plan in the making. */
export class Draft {
  readonly given: GivenSlot[] = []
  readonly prepare: PrepareStep[] = []
  readonly enter: EnterStep[] = []

  /** Adds a descriptor that is given with the plan. */
  give(slot: GivenSlot): number {
    return this.given.push(slot) - 1
  }

  /** Adds a descriptor of the caller's. A negative number would be something else to the core. */
  giveFd(option: string, fd: number): SlotReference {
    return { given: this.give({ from: 'fd', fd: whole(option, fd, 0, 0x7fff_ffff) }) }
  }

  /** Adds a step of the first half; it opens a descriptor. */
  open(step: PrepareStep): SlotReference {
    return { prepared: this.prepare.push(step) - 1 }
  }

  /** Adds a step of the second half. */
  add(step: EnterStep): void {
    this.enter.push(step)
  }
}
