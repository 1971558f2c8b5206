import { refuseUnknownOptions } from '@box/core'
import { resourceLimitOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { Draft } from './draft.ts'
import { resourceNames } from './encode.ts'
import { invalid, whole } from './invalid.ts'
import { compileScheduling } from './scheduling.ts'

/** The steps that limit the process. They come first: in a user namespace of its own a process can raise nothing. */
export function compileResources(options: SpawnOptions, draft: Draft): void {
  for (const [name, given] of Object.entries(options.rlimits ?? {})) {
    if (given === undefined) continue
    if (!resourceNames.includes(name)) throw invalid('rlimits', name, `one of ${resourceNames.join(', ')}`)
    refuseUnknownOptions(`rlimits.${name}`, given, resourceLimitOptions)
    const soft = limit(name, given.soft)
    const hard = limit(name, given.hard ?? given.soft)
    if (soft > hard) throw invalid(`rlimits.${name}.soft`, soft, `at most the hard limit, ${hard}`)
    draft.add({ do: 'rlimit', resource: name, soft, hard })
  }
  if (options.oomScoreAdj !== undefined) draft.add({ do: 'oomScoreAdj', value: whole('oomScoreAdj', options.oomScoreAdj, -1000, 1000) })
  compileScheduling(options, draft)
}

function limit(name: string, value: number): number {
  return value === Infinity ? value : whole(`rlimits.${name}`, value, 0, Number.MAX_SAFE_INTEGER)
}
