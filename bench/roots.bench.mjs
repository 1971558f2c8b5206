/** How long it takes to mount a root, to commit one changed file, and to hand an image out: ours, the machine's own floor, and our peers. On a tmpfs. */
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findPeer } from '../scripts/peers.mjs'
import { startDriver } from './driver.mjs'
import { containerdConfig } from './layers/peers.mjs'
import { layerCounts, makeWorkplace } from './roots/workplace.mjs'

export const bench = {
  name: 'roots',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: (row) => {
    const [, what, size = ''] = row.split(' ')
    return { mount: `floor mount ${size}`, copy: 'floor copy', export: `floor export ${size}` }[what]
  },
  phases: [{ burst: 1 }],
  async open() {
    const place = await makeWorkplace()
    const rows = [...mountRows(place), ...copyRows(place), ...commitRows(place), ...gzipRows(place), ...exportRows(place)]
    const notes = []
    const versions = {}
    for (const [name, makeRows] of [
      ['podman', podmanRows],
      ['containerd', containerdRows],
      ['umoci', umociRows],
      ['buildah', buildahRows],
      ['pigz', pigzRows],
    ]) {
      const peer = findPeer(name)
      if (peer.missing !== undefined) notes.push(peer.missing)
      else {
        versions[name] = peer.version
        rows.push(...(await makeRows(place)))
      }
    }
    return {
      rows,
      notes,
      versions,
      close: async () => {
        for (const row of rows) await row.close()
        await place.close()
      },
    }
  },
}

const nothing = () => Promise.resolve()

function mountRows({ folder, floor, store, images }) {
  return layerCounts.flatMap((count) => [
    {
      name: `box mount ${count}`,
      includes: 'store.mount to a root that can be written; giving it back is not counted',
      run: async () => {
        const began = performance.now()
        const root = await store.mount(images[count])
        const took = performance.now() - began
        await root.close()
        return took
      },
      close: nothing,
    },
    {
      name: `floor mount ${count}`,
      includes: 'three folders, fsopen, fsconfig, fsmount, in Rust',
      ...startDriver(floor, [folder, ...images[count].layers.map(({ diffID }) => treeOf(store, diffID)).toReversed()]),
    },
  ])
}

/** Without overlayfs: the layers' files are copied. */
function copyRows({ folder, store, images }) {
  const [{ diffID }] = images.big.layers
  const target = join(folder, 'copied')
  return [
    {
      name: 'box copy',
      includes: 'store.mount of 1 GB in 125 files with kind: copy; giving it back is not counted',
      run: async () => {
        const began = performance.now()
        const root = await store.mount(images.big, { kind: 'copy' })
        const took = performance.now() - began
        await root.close()
        return took
      },
      close: nothing,
    },
    {
      name: 'floor copy',
      includes: 'cp -a of the same files',
      run: async () => {
        const began = performance.now()
        await shell('exec cp -a "$1" "$2"', treeOf(store, diffID), target)
        const took = performance.now() - began
        rmSync(target, { recursive: true })
        return took
      },
      close: nothing,
    },
  ]
}

function treeOf(store, diffID) {
  return join(store.path, 'layers', diffID.replace(':', '/'), 'tree')
}

let changes = 0

function commitRows({ store, images }) {
  return [
    ['small', images[1]],
    ['big', images.big],
  ].map(([size, image]) => ({
    name: `box commit ${size}`,
    includes: `one changed file on an image of ${size === 'big' ? '1 GB' : 'one file'}, to an image of its own`,
    run: async () => {
      const root = await store.mount(image)
      changes += 1
      await root.writeFile('/changed', String(changes))
      const began = performance.now()
      await store.commit(root)
      const took = performance.now() - began
      await root.close()
      return took
    },
    close: nothing,
  }))
}

function exportRows({ folder, store, images }) {
  const [{ descriptor }] = images.big.layers
  const blob = join(store.path, 'blobs', descriptor.digest.replace(':', '/'))
  const target = join(folder, 'exported')
  const timed = (work) => async () => {
    const began = performance.now()
    await work()
    const took = performance.now() - began
    rmSync(target, { force: true })
    return took
  }
  return [
    {
      name: 'box export file',
      includes: '1 GB to an OCI archive',
      run: timed(() => store.export('big:1', target, { format: 'oci-archive' })),
      close: nothing,
    },
    {
      name: 'floor export file',
      includes: 'cp of the same bytes',
      run: timed(() => shell('exec cp "$1" "$2"', blob, target)),
      close: nothing,
    },
    {
      name: 'box export pipe',
      includes: '1 GB as an OCI archive into a pipe that cat reads',
      run: timed(async () => {
        const reader = spawn('sh', ['-c', 'exec cat > /dev/null'], { stdio: ['pipe', 'ignore', 'inherit'] })
        const ended = new Promise((resolve) => reader.once('exit', resolve))
        await store.export('big:1', reader.stdin, { format: 'oci-archive' })
        await ended
      }),
      close: nothing,
    },
    {
      name: 'floor export pipe',
      includes: 'cat of the same bytes into such a pipe',
      run: timed(() => shell('cat "$1" | cat > /dev/null', blob)),
      close: nothing,
    },
  ]
}

function gzipRows({ store, images }) {
  return [
    {
      name: 'box gzip',
      includes: '200 MB of text: store.recompress, with digests, to a blob in the store, which reads it through once more',
      run: async () => {
        const began = performance.now()
        await store.recompress(images.text, { compression: 'gzip', tag: 'text:gzip' })
        const took = performance.now() - began
        await store.remove('text:gzip')
        await store.tag('text:plain', images.text)
        await store.prune()
        return took
      },
      close: nothing,
    },
  ]
}

async function pigzRows({ folder, store, images }) {
  const [{ descriptor }] = images.text.layers
  const blob = join(store.path, 'blobs', descriptor.digest.replace(':', '/'))
  return [
    {
      name: 'pigz gzip',
      includes: 'the same bytes by pigz, on all processors, into a file; no digest',
      run: async () => {
        const began = performance.now()
        await shell('pigz -6 -n -c "$1" > "$2"', blob, join(folder, 'text.gz'))
        return performance.now() - began
      },
      close: nothing,
    },
  ]
}

async function containerdRows({ folder, store }) {
  const place = join(folder, 'containerd')
  mkdirSync(join(place, 'mounted'), { recursive: true })
  await shell(containerdConfig, place)
  const ctr = `ctr --address "${place}/sock"`
  const rows = []
  for (const count of layerCounts) {
    await store.export(`layers:${count}`, createWriteStream(join(folder, 'ctr.tar')), { format: 'oci-archive', tag: `layers-${count}` })
    await shell(`${ctr} image import --base-name bench "${folder}/ctr.tar" > /dev/null`)
    const image = (await shellOutput(`${ctr} image ls -q`)).split('\n').find((name) => name.endsWith(`layers-${count}`))
    rows.push({
      name: `ctr mount ${count}`,
      includes: 'ctr image mount --rw; removing it is not counted',
      run: async () => {
        const began = performance.now()
        await shell(`${ctr} image mount --rw ${image} "${place}/mounted" > /dev/null`)
        const took = performance.now() - began
        await shell(`${ctr} image unmount --rm "${place}/mounted" > /dev/null`)
        return took
      },
      close: nothing,
    })
  }
  const [first, ...others] = rows
  const end = () => shell(`kill "$(cat "$1/pid")"; while kill -0 "$(cat "$1/pid")" 2> /dev/null; do sleep 0.05; done`, place)
  return [{ ...first, close: end }, ...others]
}

async function buildahRows({ folder, store }) {
  const buildah = `buildah --root "${folder}/buildah" --runroot "${folder}/buildah-run" --storage-driver overlay`
  await store.export('big:1', createWriteStream(join(folder, 'buildah.tar')), { format: 'docker-archive' })
  const from = await shellOutput(`${buildah} from --quiet docker-archive:"${folder}/buildah.tar"`)
  rmSync(join(folder, 'buildah.tar'))
  const mounted = await shellOutput(`${buildah} mount ${from}`)
  return [
    {
      name: 'buildah commit big',
      includes: 'one changed file on an image of 1 GB that is mounted: buildah commit; removing the image is not counted',
      run: async () => {
        changes += 1
        await shell(`echo ${changes} > "${mounted}/changed"`)
        const began = performance.now()
        const image = await shellOutput(`${buildah} commit --quiet ${from}`)
        const took = performance.now() - began
        await shell(`${buildah} rmi ${image} > /dev/null`)
        return took
      },
      // What buildah mounts for itself would keep the tmpfs busy.
      close: () =>
        shell(
          `${buildah} umount ${from} > /dev/null; ${buildah} rm ${from} > /dev/null; umount -R "${folder}/buildah/overlay" 2> /dev/null || true`,
        ),
    },
  ]
}

async function podmanRows({ folder, store }) {
  const podman = `podman --root "${folder}/podman" --runroot "${folder}/run" --storage-driver overlay`
  for (const count of layerCounts) {
    await store.export(`layers:${count}`, createWriteStream(join(folder, 'podman.tar')), { format: 'docker-archive' })
    await shell(`${podman} load --quiet --input "${folder}/podman.tar" > /dev/null`)
  }
  const rows = layerCounts.map((count) => ({
    name: `podman mount ${count}`,
    includes: 'podman create and podman mount; removing it is not counted',
    run: async () => {
      changes += 1
      const name = `box-bench-${process.pid}-${changes}`
      const began = performance.now()
      await shell(`${podman} create --name ${name} localhost/layers:${count} true > /dev/null && ${podman} mount ${name} > /dev/null`)
      const took = performance.now() - began
      await shell(`${podman} rm --force ${name} > /dev/null`)
      return took
    },
    close: nothing,
  }))
  const [first, ...others] = rows
  // What podman mounts for itself would keep the tmpfs busy.
  const end = () => shell(`${podman} rmi --all --force > /dev/null; umount -R "${folder}/podman/overlay" 2> /dev/null || true`)
  return [{ ...first, close: end }, ...others]
}

async function umociRows({ folder, store }) {
  await store.export('big:1', join(folder, 'umoci'))
  await shell(`umoci unpack --image "${folder}/umoci:big:1" "${folder}/bundle" 2> /dev/null`)
  return [
    {
      name: 'umoci repack big',
      includes: 'one changed file on an image of 1 GB that is unpacked: umoci repack --refresh-bundle',
      run: async () => {
        changes += 1
        await shell(`echo ${changes} > "${folder}/bundle/rootfs/changed"`)
        const began = performance.now()
        await shell(`umoci repack --refresh-bundle --image "${folder}/umoci:big:1" "${folder}/bundle" 2> /dev/null`)
        return performance.now() - began
      },
      close: nothing,
    },
  ]
}

function shellOutput(script) {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-ec', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece) => {
      text += piece
    })
    child
      .once('error', reject)
      .once('close', (status) => (status === 0 ? resolve(text.trim()) : reject(new Error(`${script} ended with ${status}`))))
  })
}

function shell(script, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-ec', script, 'sh', ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject).once('exit', (status) => (status === 0 ? resolve() : reject(new Error(`${script} ended with ${status}`))))
  })
}
