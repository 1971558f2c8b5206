import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, codeOf, pushBlob, pushImage } from './client.ts'
import { MapStore } from './store.ts'

let registry: ServedRegistry

beforeEach(async () => {
  registry = await serve(new MapStore())
})

afterEach(async () => await registry.close())

async function json(path: string): Promise<unknown> {
  return JSON.parse((await ask(registry, 'GET', path)).text)
}

async function pushTags(repository: string, tags: readonly string[]): Promise<void> {
  for (const tag of tags) await pushImage(registry, repository, tag)
}

test('tags come in ASCII order', async () => {
  await pushTags('a', ['b', 'B', 'a', '1', '_'])
  expect(await json('/v2/a/tags/list')).toEqual({ name: 'a', tags: ['1', 'B', '_', 'a', 'b'] })
})

test('a repository without tags has an empty list', async () => {
  await pushBlob(registry, 'a', 'a blob')
  expect(await json('/v2/a/tags/list')).toEqual({ name: 'a', tags: [] })
})

test('n and last lead through the tags, page by page', async () => {
  await pushTags('a', ['v1', 'v2', 'v3', 'v4', 'v5'])
  const first = await ask(registry, 'GET', '/v2/a/tags/list?n=2')
  expect(JSON.parse(first.text).tags).toEqual(['v1', 'v2'])
  expect(first.headers['link']).toBe('</v2/a/tags/list?n=2&last=v2>; rel="next"')
  const last = await ask(registry, 'GET', '/v2/a/tags/list?n=2&last=v4')
  expect({ tags: JSON.parse(last.text).tags, link: last.headers['link'] }).toEqual({ tags: ['v5'], link: undefined })
  expect(await json('/v2/a/tags/list?last=v3')).toEqual({ name: 'a', tags: ['v4', 'v5'] })
})

test('last need not be a tag', async () => {
  await pushTags('a', ['v1', 'v3'])
  expect(await json('/v2/a/tags/list?last=v2')).toEqual({ name: 'a', tags: ['v3'] })
})

test('n of 0 is an empty page, without a next one', async () => {
  await pushTags('a', ['v1'])
  const { text, headers } = await ask(registry, 'GET', '/v2/a/tags/list?n=0')
  expect({ tags: JSON.parse(text).tags, link: headers['link'] }).toEqual({ tags: [], link: undefined })
})

test('an n beyond all bounds is no more than a page', async () => {
  await pushTags('a', ['v1', 'v2'])
  expect(await json('/v2/a/tags/list?n=99999999999999999999')).toEqual({ name: 'a', tags: ['v1', 'v2'] })
})

test.each(['-1', 'x', '1.5', ''])('n of %p is refused', async (n) => {
  await pushTags('a', ['v1'])
  const answer = await ask(registry, 'GET', `/v2/a/tags/list?n=${n}`)
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'UNSUPPORTED' })
})

test('the catalogue names the repositories that have manifests, page by page', async () => {
  for (const repository of ['b', 'a/c', 'a']) await pushImage(registry, repository, 'v1')
  expect(await json('/v2/_catalog')).toEqual({ repositories: ['a', 'a/c', 'b'] })
  const { text, headers } = await ask(registry, 'GET', '/v2/_catalog?n=1&last=a')
  expect({ repositories: JSON.parse(text).repositories, link: headers['link'] }).toEqual({
    repositories: ['a/c'],
    link: '</v2/_catalog?n=1&last=a%2Fc>; rel="next"',
  })
})
