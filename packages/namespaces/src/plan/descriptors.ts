import type { SpawnOptions, StandardStream } from '../options.ts'
import type { Draft } from './draft.ts'
import { invalid, whole } from './invalid.ts'
import type { PlanData } from './steps.ts'
import { terminalSize } from './terminal.ts'

/** Below what every limit of open files lets a process have. */
const last = 255

type Descriptor = PlanData['descriptors'][number]

/** Which descriptors the process has, by their numbers: the three streams, what is given beside them, and what is closed in between. */
export function compileDescriptors(options: SpawnOptions, draft: Draft): readonly Descriptor[] {
  const descriptors = standardStreams(options, draft)
  for (const [name, source] of Object.entries(options.descriptors ?? {})) {
    if (!/^\d+$/.test(name)) throw invalid('descriptors', name, `a number from 3 to ${last}`)
    const number = whole('descriptors', Number(name), 3, last)
    if (source === undefined) continue
    while (descriptors.length <= number) descriptors.push('closed')
    descriptors[number] = draft.give({ from: 'fd', fd: numberOf(`descriptors.${number}`, source) })
  }
  return descriptors
}

function standardStreams(options: SpawnOptions, draft: Draft): Descriptor[] {
  if (terminalSize(options) !== undefined) {
    if (options.stdio !== undefined) throw invalid('stdio', options.stdio, 'possible with a terminal')
    return ['terminal', 'terminal', 'terminal']
  }
  const { stdio = ['ignore', 'pipe', 'pipe'] } = options
  if (typeof stdio !== 'string' && !Array.isArray(stdio)) throw invalid('stdio', stdio, 'a word or a list of three')
  const streams: readonly StandardStream[] = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio
  if (streams.length !== 3) throw invalid('stdio', streams.join(', '), 'a word or a list of three: further ones are `descriptors`')
  let nowhere: number | undefined
  return streams.map((stream, number) => {
    if (typeof stream === 'number') return draft.give({ from: 'fd', fd: whole('stdio', stream, 0, 0x7fff_ffff) })
    switch (stream) {
      case 'pipe':
        return draft.give({ from: number === 0 ? 'input' : 'output' })
      case 'inherit':
        return draft.give({ from: 'fd', fd: number })
      case 'ignore':
        nowhere ??= draft.give({ from: 'null' })
        return nowhere
      default:
        throw invalid('stdio', stream, "'pipe', 'inherit', 'ignore' or a descriptor")
    }
  })
}

/** The number of a descriptor, or of what holds one. */
function numberOf(option: string, source: unknown): number {
  const number = typeof source === 'object' && source !== null ? heldBy(source) : source
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0)
    throw invalid(option, number, 'a descriptor, or a file, stream, socket or server that is open')
  return number
}

/** Sockets and servers have theirs where child_process, too, takes it from. */
function heldBy(source: object): unknown {
  if ('fd' in source) return source.fd
  const handle: unknown = Reflect.get(source, '_handle')
  return typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined
}
