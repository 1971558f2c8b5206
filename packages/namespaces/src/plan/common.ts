import { listenerBits } from '../seccomp/compile.ts'
import { type EncodedSteps, encodeSteps } from './encode.ts'
import type { PlanData } from './steps.ts'

/** What steps of a plan send back. */
export type Offer = 'terminal' | 'listener'

/** What plans that differ in nothing but their groups have in common. */
export class Common {
  readonly data: PlanData
  /** In the order of the steps. */
  readonly offers: readonly Offer[]
  #steps: EncodedSteps | undefined

  constructor(data: PlanData) {
    this.data = data
    this.offers = data.enter.flatMap((step) => {
      if (step.do === 'terminal') return ['terminal' as const]
      return step.do === 'seccomp' && (step.flags & listenerBits) !== 0 ? ['listener' as const] : []
    })
  }

  get steps(): EncodedSteps {
    this.#steps ??= encodeSteps(this.data)
    return this.#steps
  }
}

const known = new WeakMap<PlanData, Common>()

export function commonOf(data: PlanData): Common {
  let common = known.get(data)
  if (common === undefined) {
    common = new Common(data)
    known.set(data, common)
  }
  return common
}

/** The same with other groups. */
export function withGroups(common: Common, groups: Pick<PlanData, 'cgroupV2' | 'cgroupV1'>): PlanData {
  const data = { ...common.data, ...groups }
  known.set(data, common)
  return data
}
