/** The root of the rows named `overlay`: an image of three layers, mounted by overlayfs with the ids of a user namespace. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'
import { createUserNamespace } from '@box/namespaces'
import { ociConfig } from './oci-config.mjs'

const map = ociConfig.linux.uidMappings.map(({ containerID, hostID, size }) => ({ containerId: containerID, hostId: hostID, size }))

export async function makeOverlay({ folder, root }) {
  const store = await LayerStore.open(join(folder, 'store'))
  const userNamespace = await createUserNamespace({ uidMappings: map, gidMappings: map })
  const close = async () => {
    await store.close()
    await userNamespace.close()
  }
  try {
    let image = await store.create({ add: { '/': root } })
    for (const layer of ['one', 'two']) {
      const files = join(folder, layer)
      mkdirSync(files)
      writeFileSync(join(files, layer), layer)
      image = await store.create({ from: image, add: { [`/${layer}`]: files } })
    }
    const mounted = await store.mount(image, { userNamespace, upper: { tmpfs: '16MiB' } })
    return {
      root: mounted,
      close: async () => {
        await mounted.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
