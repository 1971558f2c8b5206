import { BoxError } from '@box/core'

/** An image that something holds, with the names that it has there. */
export interface Candidate<Value> {
  readonly names: readonly string[]
  readonly value: Value
}

/** The image of that name, or the only one. @throws BoxError `ERR_BOX_NOT_FOUND` */
export function choose<Value>(where: string, candidates: readonly Candidate<Value>[], tag: string | undefined): Candidate<Value> {
  const match = tag === undefined ? undefined : candidates.find(({ names }) => names.includes(tag))
  if (match !== undefined) return match
  const [only, ...others] = candidates
  if (only !== undefined && others.length === 0) return only
  const names = candidates.flatMap((candidate) => candidate.names)
  const asked = tag === undefined ? 'no name was given' : `none is named ${JSON.stringify(tag)}`
  throw new BoxError('ERR_BOX_NOT_FOUND', `${where} holds ${candidates.length} images, and ${asked}`, {
    hint: `give one of its names as tag: ${names.slice(0, 20).join(', ') || 'there are none'}`,
  })
}
