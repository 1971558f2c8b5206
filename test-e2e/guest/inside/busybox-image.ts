import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import type { Image, LayerStore } from '@box/layers'

/** An image with the guest's shell and some of its commands. */
export async function busyboxImage(store: LayerStore): Promise<Image> {
  const root = '/data/root'
  mkdirSync(`${root}/bin`, { recursive: true })
  try {
    copyFileSync('/bin/busybox', `${root}/bin/busybox`)
    chmodSync(`${root}/bin/busybox`, 0o755)
    for (const applet of ['sh', 'cat', 'dd', 'sleep']) symlinkSync('busybox', `${root}/bin/${applet}`)
    return await store.create({ add: { '/': root }, tag: 'busybox:1' })
  } finally {
    rmSync(root, { recursive: true })
  }
}
