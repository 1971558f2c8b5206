import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { LayerStore } from '@box/layers'
import { layout, Registry, serve, type ServedRegistry } from '@box/registry'

import { useWorkplace } from './support/workplace.ts'

const examples = path.join(path.dirname(fileURLToPath(import.meta.url)), '../examples')
const workplace = useWorkplace()
let client: Registry
let here: ServedRegistry
let there: ServedRegistry

function address({ host, port }: ServedRegistry): string {
  return `${host}:${port}`
}

/** Runs an example to its end, with a home that holds no credentials. */
async function run(name: string, ...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: workplace.folder }
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(examples, name, 'main.mjs'), ...args], { env })
  return stdout
}

beforeEach(async () => {
  client = new Registry()
  here = await serve(layout(path.join(workplace.folder, 'here')))
  there = await serve(layout(path.join(workplace.folder, 'there')))
  const store = await LayerStore.open(path.join(workplace.folder, 'store'))
  try {
    await store.create({ add: { '/data': examples }, config: { entrypoint: ['cat'], cmd: ['/data'] }, tag: 'app' })
    for (const tag of ['1', '2', 'nightly']) await client.push(store, `${address(here)}/team/app:${tag}`, { name: 'app' })
  } finally {
    await store.close()
  }
})

afterEach(async () => {
  await Promise.all([client.close(), here.close(), there.close()])
})

test('a repository is mirrored: the tags that were asked for, and what refers to them', async () => {
  const [from, to] = [`${address(here)}/team/app`, `${address(there)}/mirror/app`]
  const note = await client.attach(`${from}:1`, { artifactType: 'text/plain' })
  const printed = await run('mirror-repository', from, to, String.raw`^\d`)
  expect(printed.trim().split('\n')).toHaveLength(2)
  expect(await client.resolve(`${to}:1`)).toEqual(await client.resolve(`${from}:1`))
  expect((await client.referrers(`${to}:2`)).map(({ digest }) => digest)).toEqual([note.digest])
  await expect(client.resolve(`${to}:nightly`)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
  // Of what is there only the manifest is put once more.
  const { size } = (await client.manifest(`${from}:1`)).descriptor
  expect(await run('mirror-repository', from, to, '^1')).toContain(` ${size} bytes`)
  await expect(run('mirror-repository', `${address(here)}/absent`, to)).rejects.toMatchObject({ code: 1 })
})

test('an image is inspected without a layer of it being asked for', async () => {
  const { digest } = await client.attach(`${address(here)}/team/app:1`, { artifactType: 'text/plain' })
  const { value } = await client.manifest(`${address(here)}/team/app:1`)
  const [layer] = 'layers' in value ? value.layers : []
  // The layer is not even there any more.
  await here.close()
  const served = layout(path.join(workplace.folder, 'here'))
  if (layer !== undefined) await served.remove(layer.digest)
  here = await serve(served)
  const printed = await run('inspect-image', `${address(here)}/team/app:1`)
  expect(printed).toContain('command    ["cat","/data"]')
  expect(printed).toContain(`layer      ${layer?.digest ?? ''} ${layer?.size ?? 0} bytes`)
  expect(printed).toContain(`referrer   ${digest} text/plain`)
})

test('an image goes as one file from one registry to another, and keeps its digest', async () => {
  const file = path.join(workplace.folder, 'app.tar')
  await run('air-gapped-bundle', 'save', `${address(here)}/team/app:1`, file)
  await here.close()
  await run('air-gapped-bundle', 'load', file, `${address(there)}/inside/app:1`)
  here = await serve(layout(path.join(workplace.folder, 'here')))
  const [one, other] = [await client.manifest(`${address(here)}/team/app:1`), await client.manifest(`${address(there)}/inside/app:1`)]
  expect(Buffer.from(other.bytes).equals(one.bytes)).toBe(true)
})
