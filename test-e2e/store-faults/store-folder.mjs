/** What a store's folder holds, looked at without the store's own code. */
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @returns the blobs whose bytes are not those of their name */
export function wrongBlobs(store) {
  return ['sha256', 'sha512'].flatMap((algorithm) =>
    namesIn(join(store, 'blobs', algorithm)).filter(
      (name) =>
        createHash(algorithm)
          .update(readFileSync(join(store, 'blobs', algorithm, name)))
          .digest('hex') !== name,
    ),
  )
}

/** @returns every file below the store, but for those that an empty store has and for sockets that were just being opened */
export function remains(store) {
  const own = new Set(['oci-layout', 'index.json', 'staging/locks', 'layers/owners', 'layers/images.json'])
  return namesIn(store, true)
    .filter((name) => !lstatSync(join(store, name)).isDirectory())
    .filter((name) => !own.has(name) && !/^(?:.*\/)?\.[0-9a-f]{16}\.opening$/.test(name))
}

function namesIn(folder, recursive = false) {
  return existsSync(folder) ? readdirSync(folder, { recursive, encoding: 'utf8' }) : []
}
