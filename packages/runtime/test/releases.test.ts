import { Releases } from '../src/releases.ts'

test('what was acquired is released in reverse order, once, and a failure keeps nothing else from being released', async () => {
  const order: number[] = []
  const releases = new Releases()
  releases.add(async () => void order.push(1))
  releases.add(() => Promise.reject(new Error('two')))
  releases.add(async () => void order.push(3))
  await expect(Promise.all([releases.close(), releases.close()])).rejects.toThrow('two')
  expect(order).toEqual([3, 1])
})

test('several failures are thrown together', async () => {
  const releases = new Releases()
  releases.add(() => Promise.reject(new Error('one')))
  releases.add(() => Promise.reject(new Error('two')))
  await expect(releases.close()).rejects.toMatchObject({ errors: [{ message: 'two' }, { message: 'one' }] })
})
