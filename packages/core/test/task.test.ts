import { Task } from '../src/index.ts'

test('a task gives its value when awaited and its events when iterated', async () => {
  const task = new Task<number, string>(async (emit) => {
    emit('first')
    await Promise.resolve()
    emit('second')
    return 7
  })
  const events: string[] = []
  for await (const event of task) events.push(event)
  expect(events).toEqual(['first', 'second'])
  expect(await task).toBe(7)
})

test('iterating a task that fails throws what awaiting it throws', async () => {
  const failure = new Error('broken')
  const task = new Task<number, string>(async (emit) => {
    emit('first')
    throw failure
  })
  const events: string[] = []
  await expect(
    (async () => {
      for await (const event of task) events.push(event)
    })(),
  ).rejects.toBe(failure)
  expect(events).toEqual(['first'])
  await expect(task).rejects.toBe(failure)
})

test('aborting the signal ends the work with the reason of the signal', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const task = new Task<void, never>(
    (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    { signal: controller.signal },
  )
  await Promise.resolve()
  controller.abort(reason)
  await expect(task).rejects.toBe(reason)
})
