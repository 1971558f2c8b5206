import { BoxError, type Descriptor } from '@box/core'
import type { Image } from '../image.ts'
import { chainIDs } from '../images/chain.ts'
import { largestFirst, sideBySide } from '../side-by-side.ts'
import type { LowerLayer, UnpackedLayers } from '../unpacked/layers.ts'

/** The image's layers, unpacked, the uppermost first. What is not unpacked (any more) is unpacked again from its blob. The caller has leases of all of them. */
export async function lowersOf(layers: UnpackedLayers, image: Image): Promise<readonly LowerLayer[]> {
  const chain = chainIDs(image.layers.map(({ diffID }) => diffID))
  const lowers: LowerLayer[] = []
  const absent: Descriptor[] = []
  for (const { diffID, descriptor } of image.layers) if ((await layers.find(diffID)) === undefined) absent.push(descriptor)
  await sideBySide(largestFirst(absent), async (descriptor) => void (await layers.unpackStored(descriptor, { leased: true })))
  for (const [index, { diffID, descriptor }] of image.layers.entries()) {
    const lower = await layers.find(diffID)
    if (lower === undefined)
      throw new BoxError(
        'ERR_BOX_DIGEST_MISMATCH',
        `the layer ${descriptor.digest} does not have the diffID ${diffID} that the configuration names`,
      )
    if (index === 0) refuseLowerLinks(lower, descriptor)
    const chainID = chain[index]
    const dependent = lower.record.dependsOnParent && index > 0 && chainID !== undefined
    lowers.unshift(dependent ? await layers.unpackAbove(chainID, descriptor, lowers) : lower)
  }
  // overlayfs takes no folder twice. Of equal layers the uppermost has the say over all that the others hold.
  return lowers.filter(({ path }, index) => lowers.findIndex((other) => other.path === path) === index)
}

/** The lowest layer of an image has nothing to link to. @throws BoxError `ERR_BOX_LAYER_INVALID` */
export function refuseLowerLinks({ record }: LowerLayer, { digest }: Descriptor): void {
  if (record.lowerLinks === true)
    throw new BoxError('ERR_BOX_LAYER_INVALID', `${digest} is the lowest layer, and a hard link in it leads to a file that is not there`)
}
