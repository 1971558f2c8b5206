// The way of an image through a registry: pushed by one store, pulled by another.
import path from 'node:path'
import { layout } from '@box/oci'
import { Registry, serve } from '@box/registry'
import { bytes, heading, line, time } from './progress.mjs'
import { follow } from './transfer.mjs'

/** Pushes both images of `maker` to a registry on the loopback interface and pulls them into `store`. Closes `maker`. Gives the app's image. */
export async function throughRegistry(folder, store, maker, signal) {
  const server = await serve(layout(path.join(folder, 'registry')), { port: 0 })
  const client = new Registry()
  try {
    const address = `127.0.0.1:${server.port}`
    heading(`Push them to a registry on ${address}`)
    for (const name of ['tour/base:1', 'tour/app:1']) {
      line(`  ${name}`)
      await follow(client.push(maker, `${address}/${name}`, { name, signal }))
    }
    heading('Pull them into an empty store')
    let totals
    for (const name of ['tour/base:1', 'tour/app:1']) {
      line(`  ${name}`)
      const start = performance.now()
      totals = await follow(client.pull(`${address}/${name}`, store, { signal }))
      line(`  verified, unpacked and there in ${time(performance.now() - start)}`)
    }
    line(`  the second image shares ${bytes(totals.present)} with the first: that was not transferred again, and is stored once`)
    return await store.get(`${address}/tour/app:1`)
  } finally {
    await Promise.all([client.close(), server.close(), maker.close()])
  }
}
