import { Task, type Descriptor } from '@box/core'
import { Registry, type RegistryOptions } from './registry.ts'
import type { CopyFrom, CopyOptions, CopyTo } from './transfer/copy.ts'
import type { TransferEvent } from './transfer/events.ts'

/**
 * Copies an image from any of reference and source to any of reference and sink, with a client of its own for the one copy:
 * registry to registry, registry to layout folder, layout folder to registry. All platforms of an index by default.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for options that no client takes; everything else is the task's outcome.
 */
export function copy(
  from: string | CopyFrom,
  to: string | CopyTo,
  options: CopyOptions & RegistryOptions = {},
): Task<Descriptor, TransferEvent> {
  const { platform, concurrency, chunkSize, foreignLayers, format, hooks, signal, ...rest } = options
  const registry = new Registry(rest)
  const copying = {
    ...(platform === undefined ? {} : { platform }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(chunkSize === undefined ? {} : { chunkSize }),
    ...(foreignLayers === undefined ? {} : { foreignLayers }),
    ...(format === undefined ? {} : { format }),
    ...(hooks === undefined ? {} : { hooks }),
  }
  return new Task<Descriptor, TransferEvent>(
    async (emit, taskSignal) => {
      try {
        const task = registry.copy(from, to, { ...copying, signal: taskSignal })
        for await (const event of task) emit(event)
        return await task
      } finally {
        await registry.close()
      }
    },
    { signal },
  )
}
