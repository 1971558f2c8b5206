/**
 * `npm start -- [IMAGE [COMMAND…]]`: sets up what is missing, then runs the tour. The tour runs in this process, so that signals, the terminal and the
 * exit status are its own.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { main, repository } from './repository.mjs'
import { setUp } from './setup.mjs'

await main(async () => {
  setUp()
  const tour = join(repository, 'examples/mini-runtime/main.mjs')
  process.argv[1] = tour
  await import(pathToFileURL(tour).href)
})
