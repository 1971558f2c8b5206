import { BoxError } from '@box/core'
import type { Image, LayerStore } from '@box/layers'
import { formatReference, parseReference } from '@box/oci'
import type { CopyOptions, Registry } from '@box/registry'

import type { StartOptions } from './options.ts'

/**
 * The image of that name in the store, pulled into it where it is missing. A name is looked for as it is given first (images made here
 * have such names), and then as the whole reference that Docker's short names stand for.
 */
export async function findImage(store: LayerStore, registry: Registry | undefined, name: string, options: StartOptions): Promise<Image> {
  const { platform, signal, pull: when = 'missing' } = options
  if (when !== 'always') {
    const found = (await store.get(name, { platform })) ?? (await store.get(formatReference(parseReference(name)), { platform }))
    if (found !== undefined) return found
    if (when === 'never') throw absent(name, "it is not in the store, and pull is 'never'")
  }
  const reference = formatReference(parseReference(name))
  await pull(registry, reference, store, { ...(platform && { platform }), ...(signal && { signal }) })
  const pulled = await store.get(reference, { platform })
  if (pulled === undefined) throw absent(name, 'it was pulled, but not for this platform')
  return pulled
}

/** Without a client of the caller's one is loaded and made for this pull: a container of an image that is there does not wait for it. */
async function pull(given: Registry | undefined, reference: string, store: LayerStore, options: CopyOptions): Promise<void> {
  if (given !== undefined) {
    await given.pull(reference, store, options)
    return
  }
  const { Registry: Client } = await import('@box/registry')
  const client = new Client()
  try {
    await client.pull(reference, store, options)
  } finally {
    await client.close()
  }
}

function absent(name: string, why: string): BoxError {
  return new BoxError('ERR_BOX_NOT_FOUND', `no image ${name}: ${why}`)
}
