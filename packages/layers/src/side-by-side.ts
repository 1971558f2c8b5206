import type { Descriptor } from '@box/core'
import { availableParallelism } from 'node:os'

/** Layers that are unpacked at a time. Each has two threads; with fewer than two layers one of them waits for the other now and then. */
const atOnce = Math.max(2, Math.floor(availableParallelism() / 2))

/** Does the work for each item, some of them at a time. After a failure no other begins, and it is thrown when those that ran have ended. */
export async function sideBySide<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (const item of left) {
      try {
        await work(item)
      } catch (error) {
        failures.push(error)
      }
      if (failures.length > 0) return
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** So that no large one is left over at the end, when the others are done. */
export function largestFirst(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return descriptors.toSorted((one, other) => other.size - one.size)
}
