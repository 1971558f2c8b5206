/** How long it takes until an image of six layers lies unpacked: ours, the machine's own floor, and our peers. All of it on a tmpfs, but for two rows. */
import { findPeer } from '../scripts/peers.mjs'
import { startDriver } from './driver.mjs'
import { boxImport, boxOpen, boxUnpack } from './layers/box.mjs'
import { benchImage } from './layers/input.mjs'
import { commandRow, peerCommands } from './layers/peers.mjs'
import { makeWorkplace } from './layers/workplace.mjs'

export const bench = {
  name: 'layers',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf,
  phases: [{ burst: 1 }],
  open() {
    const images = benchImage()
    const place = makeWorkplace(images)
    try {
      const [rows, notes, versions] = [[], [], {}]
      for (const [name, { layout, layers }] of Object.entries(images)) {
        rows.push(
          {
            name: `box unpack ${name}`,
            includes: 'a store that has the blobs gets the name; both digests, limits, records',
            ...boxUnpack(place, layout),
          },
          { name: `box import ${name}`, includes: 'as box unpack, and the blobs are copied into the store', ...boxImport(place, layout) },
          {
            name: `floor ${name}`,
            includes: 'both digests and files, in Rust without hardening',
            ...startDriver(place.floor, layers, { cwd: place.fresh() }),
          },
        )
        for (const { peer, includes, ...command } of peerCommands(place, name, images[name])) {
          const found = peer === undefined ? {} : findPeer(peer)
          if (found.missing !== undefined) notes.push(found.missing)
          else {
            if (peer !== undefined) versions[peer] = found.version
            rows.push({ includes, ...commandRow(place, command) })
          }
        }
      }
      const { layout, layers } = images.gzip
      rows.push(
        {
          name: 'box unpack gzip on disk',
          includes: 'as box unpack gzip, on the file system of /var/tmp, and all of it is synced: durable when it has a name',
          ...boxUnpack(place.disk, layout),
        },
        {
          name: 'floor gzip on disk',
          includes: 'as floor gzip, there, and nothing is synced',
          ...startDriver(place.floor, layers, { cwd: place.disk.fresh() }),
        },
      )
      rows.push({ name: 'box open', includes: 'a store of 10,000 blobs is opened', ...boxOpen(place, 10_000) })
      return {
        rows,
        notes,
        versions,
        close: async () => {
          try {
            for (const row of rows) await row.close()
          } finally {
            place.close()
          }
        },
      }
    } catch (error) {
      place.close()
      throw error
    }
  },
}

function floorOf(row) {
  const kind = /(?:gzip|zstd)(?: on disk)?$/.exec(row)
  return kind === null ? undefined : `floor ${kind[0]}`
}
