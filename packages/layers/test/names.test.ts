import type { Descriptor } from '@box/core'
import { findName, listNames } from '../src/store/names.ts'

/** Names in two places, one of which moves while the first that is asked is read. */
function moving(from: 'index' | 'unpacked', asked: 'index' | 'unpacked') {
  const descriptor: Descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 1 }
  let place = from
  const read = async <Value>(where: 'index' | 'unpacked', found: Value, none: Value): Promise<Value> => {
    const value = place === where ? found : none
    if (where === asked) place = from === 'index' ? 'unpacked' : 'index'
    return value
  }
  const list = (where: 'index' | 'unpacked') => () => read(where, [{ name: 'one', descriptor }], [])
  const find = (where: 'index' | 'unpacked') => () => read(where, descriptor, undefined)
  return {
    descriptor,
    places: { images: { resolve: find('index'), list: list('index') }, unpacked: { find: find('unpacked'), list: list('unpacked') } },
  }
}

test.each([
  ['index', 'index'],
  ['index', 'unpacked'],
  ['unpacked', 'index'],
  ['unpacked', 'unpacked'],
] as const)('a name that leaves the %s names while the %s names are read is found', async (from, asked) => {
  const { descriptor, places } = moving(from, asked)
  expect(await findName(places, 'one')).toEqual(descriptor)
  const again = moving(from, asked)
  expect((await listNames(again.places)).map(({ name }) => name)).toEqual(['one'])
})
