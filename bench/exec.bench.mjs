/** How long it takes to run /bin/true in a container that runs already, with the same confinement: from the call until its end was seen. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'
import { defaultSeccompProfile } from '@box/namespaces'
import { createRuntime } from '@box/runtime'
import { findPeer } from '../scripts/peers.mjs'
import { apart, driveApart, driveCommand } from './driver.mjs'
import { ociConfig } from './launch/oci-config.mjs'
import { makeWorkplace } from './launch/workplace.mjs'

const image = 'localhost/pause:1'

export const bench = {
  name: 'exec',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: () => undefined,
  phases: [{}, { suffix: 'one a second', pauseMs: 1000 }],
  async open() {
    const place = makeWorkplace()
    execFileSync('cc', ['-O2', '-static', '-x', 'c', '-o', join(place.root, 'bin/pause'), '-'], {
      input: '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n',
    })
    const store = await LayerStore.open(join(place.folder, 'store'))
    await store.create({ add: { '/': place.root }, tag: image })
    const container = await createRuntime({ store }).start(image, ['/bin/pause'])
    const rows = [boxRow(container, store), nsenterRow(container)]
    const { row, note, versions } = crunRow(place)
    if (row !== undefined) rows.push(row)
    return {
      rows,
      notes: note === undefined ? [] : [note],
      versions,
      close: async () => {
        // The first row holds the container that the second one enters.
        for (const each of rows.toReversed()) await each.close()
        place.close()
      },
    }
  },
}

function boxRow(container, store) {
  const run = async () => {
    const began = performance.now()
    const child = await container.exec(['/bin/true'])
    const { exitCode } = await child.exited
    await child.close()
    if (exitCode !== 0) throw new Error(`exec ended with ${exitCode}`)
    return performance.now() - began
  }
  const close = async () => {
    await container.close()
    await store.close()
  }
  return { name: 'box exec', includes: 'user looked up, namespaces, groups, capabilities, filter; output piped', run, close }
}

/** It only joins the namespaces: no groups, no capabilities dropped, no filter. */
function nsenterRow({ pid }) {
  return { name: 'nsenter', includes: 'the namespaces alone', ...driveCommand('nsenter', '--target', String(pid), '--all', '/bin/true') }
}

/** The standard streams that it is given are of the null device outside. */
const onOwnNull = 'exec "$@" < /dev/null > /dev/null 2>&1'

function crunRow({ folder, root }) {
  const peer = findPeer('crun')
  if (peer.missing !== undefined) return { note: peer.missing, versions: {} }
  const bundle = join(folder, 'pause')
  mkdirSync(bundle)
  const linux = { ...ociConfig.linux, seccomp: defaultSeccompProfile }
  const config = { ...ociConfig, linux, root: { path: root }, process: { ...ociConfig.process, args: ['/bin/pause'] } }
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
  const id = `box-bench-exec-${process.pid}`
  const state = ['--root', join(folder, 'pause-state')]
  const crun = (...args) => execFileSync('unshare', apart('sh', '-c', onOwnNull, 'sh', peer.path, ...state, ...args), { stdio: 'ignore' })
  crun('run', '--detach', '--bundle', bundle, id)
  const driver = driveApart(peer.path, ...state, 'exec', id, '/bin/true')
  const close = async () => {
    await driver.close()
    crun('delete', '--force', id)
  }
  const includes = 'namespaces, groups, capabilities, filter; in a mount namespace without the v2 hierarchy'
  return { row: { name: 'crun exec', includes, run: driver.run, close }, versions: { crun: peer.version } }
}
