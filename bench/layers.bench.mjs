/** How long it takes until an image of six layers lies unpacked: ours, the machine's own floor, and our peers. All of it on a tmpfs. */
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
  floorOf: (row) => (row.endsWith('gzip') || row.endsWith('zstd') ? `floor ${row.slice(-4)}` : undefined),
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
