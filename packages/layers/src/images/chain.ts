import type { Digest } from '@box/core'
import { digestOf } from '@box/oci'

/** The chainIDs of layers, from the lowest up (image-spec, config.md, "Layer ChainID"). */
export function chainIDs(diffIDs: readonly Digest[]): readonly Digest[] {
  const chain: Digest[] = []
  for (const diffID of diffIDs) {
    const parent = chain.at(-1)
    chain.push(parent === undefined ? diffID : digestOf(`${parent} ${diffID}`))
  }
  return chain
}
