import { homedir } from 'node:os'
import path from 'node:path'

import { LayerStore } from '@box/layers'

/** Opens the store of the user who runs this. */
export async function openStore(): Promise<LayerStore> {
  return await LayerStore.open(process.geteuid?.() === 0 ? '/var/lib/box/store' : path.join(homedir(), '.local/share/box/store'))
}
