/**
 * What is published, as a consumer gets it: the tarballs installed together into an empty project outside the repository, loaded by import and by
 * require, type-checked; and lerna's version and publish, the latter against a registry of this program's own on loopback.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from '../../scripts/pack.mjs'
import { Tally } from '../../scripts/testing/tally.mjs'
import { testConsumer } from './consumer.mjs'
import { testRelease } from './release.mjs'

const tally = new Tally()
const folder = mkdtempSync(join(tmpdir(), 'box-pack-'))
try {
  const tarballs = pack()
  await testConsumer(tally, join(folder, 'consumer'), tarballs)
  await testRelease(tally, join(folder, 'release'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
tally.end()
