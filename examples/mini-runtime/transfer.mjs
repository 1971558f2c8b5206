// Follows a pull or a push: what is transferred, and what is not because it is there already.
import { formatReference, parseReference } from '@box/oci'
import { Registry } from '@box/registry'
import { bytes, heading, line, progress, time } from './progress.mjs'

/** Waits for a task of @box/registry and prints one line a blob. Gives what was transferred, in bytes, and what was there already. */
export async function follow(task) {
  const totals = { transferred: 0, present: 0, sharedBlobs: 0 }
  for await (const event of task) {
    const name = `${event.digest.slice(0, 19)}…`
    if (event.type === 'progress') {
      progress(`  ${name} ${bytes(event.done)} of ${bytes(event.total)}`)
    } else if (event.type === 'copied') {
      totals.transferred += event.total
      line(`  ${name} ${bytes(event.total).padStart(9)}  transferred`)
    } else if (event.type === 'present' || event.type === 'mounted') {
      totals.present += event.total
      totals.sharedBlobs += 1
      line(`  ${name} ${bytes(event.total).padStart(9)}  already there, not transferred`)
    }
  }
  await task
  return totals
}

/** Pulls an image of any registry into the store. */
export async function pullFrom(name, store, signal) {
  heading(`Pull ${name}`)
  const start = performance.now()
  const reference = formatReference(parseReference(name))
  const client = new Registry()
  try {
    await follow(client.pull(reference, store, { signal }))
  } finally {
    await client.close()
  }
  line(`  verified, unpacked and there in ${time(performance.now() - start)}`)
  return await store.get(reference)
}
