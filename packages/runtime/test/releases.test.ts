import { Releases } from '../src/releases.ts'

test('the process is ended before anything is released, everything is released once, and a failure keeps nothing else from it', async () => {
  const order: string[] = []
  const releases = new Releases()
  releases.add(async () => void order.push('root'))
  releases.add(() => Promise.reject(new Error('stuck')))
  releases.add(async () => void order.push('group'))
  releases.endsWith(async () => {
    await Promise.resolve()
    order.push('process')
  })
  await expect(Promise.all([releases.close(), releases.close()])).rejects.toThrow('stuck')
  expect(order).toEqual(['process', 'root', 'group'])
})

test('several failures are thrown together', async () => {
  const releases = new Releases()
  releases.endsWith(() => Promise.reject(new Error('one')))
  releases.add(() => Promise.reject(new Error('two')))
  await expect(releases.close()).rejects.toMatchObject({ errors: [{ message: 'one' }, { message: 'two' }] })
})
