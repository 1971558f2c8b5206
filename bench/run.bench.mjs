/** How long `run(image, ['/bin/true'])` takes of an image that the store has: from the call until nothing of the container is left. */
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'
import { createRuntime } from '@box/runtime'
import { findPeer } from '../scripts/peers.mjs'
import { driveApart } from './driver.mjs'
import { makeWorkplace } from './launch/workplace.mjs'

const image = 'localhost/true:1'

export const bench = {
  name: 'run',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: () => undefined,
  phases: [{}, { suffix: 'one a second', pauseMs: 1000 }],
  async open() {
    const place = makeWorkplace()
    const store = await LayerStore.open(join(place.folder, 'store'))
    await store.create({ add: { '/': place.root }, tag: image })
    const runtime = createRuntime({ store })
    const includes =
      'ids of its own, id-mapped overlay, groups, mounts and masks, capabilities, filter; output collected; all of it disposed of'
    const run = async () => {
      const began = performance.now()
      await runtime.run(image, ['/bin/true'])
      return performance.now() - began
    }
    const rows = [{ name: 'box run', includes, run, close: () => store.close() }]
    const { row, note, versions } = podmanRow(place)
    if (row !== undefined) rows.push(row)
    return {
      rows,
      notes: note === undefined ? [] : [note],
      versions,
      close: async () => {
        for (const each of rows) await each.close()
        place.close()
      },
    }
  },
}

/** podman with crun, storage in the same file system, without a user namespace: its own default. */
function podmanRow({ folder, root }) {
  const peer = findPeer('podman')
  const crun = findPeer('crun')
  const missing = peer.missing ?? crun.missing
  if (missing !== undefined) return { note: missing, versions: {} }
  const storage = join(folder, 'podman')
  const where = ['--root', storage, '--runroot', join(folder, 'podman-run'), '--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs']
  const archive = join(folder, 'root.tar')
  execFileSync('tar', ['-C', root, '-cf', archive, '.'])
  execFileSync(peer.path, [...where, 'import', '--quiet', archive, image], { stdio: 'ignore' })
  // Its own limits may be higher than those that a caller without CAP_SYS_RESOURCE can give.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', '--pids-limit', '1024']
  const command = ['--runtime', crun.path, 'run', '--rm', '--network', 'none', ...limits, image, '/bin/true']
  const driver = driveApart(peer.path, ...where, ...command)
  const close = async () => {
    await driver.close()
    // What podman leaves mounted over its storage.
    spawnSync('umount', ['--lazy', join(storage, 'overlay')])
    rmSync(storage, { recursive: true, force: true })
  }
  const includes = 'crun; overlay, groups, mounts and masks, capabilities, filter; no user namespace'
  return { row: { name: 'podman run', includes, run: driver.run, close }, versions: { podman: peer.version, crun: crun.version } }
}
