import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fc from 'fast-check'
import { checkName, isAlive, markName, readMark, thisProcess } from '../src/names.ts'

test.each(['', '.', '..', 'a/b', '/a', 'a\n', 'a\0', 'a\u001b[2J', 'x'.repeat(201)])('%j cannot be the name of a group', (name) => {
  expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('a mark is read back from any name', () => {
  const name = fc.string({ minLength: 1, maxLength: 40 })
  const owner = fc.record({
    namespace: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(String),
    pid: fc.integer({ min: 1, max: 4_194_304 }),
    start: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  })
  fc.assert(fc.property(name, owner, (name, owner) => expect(readMark(markName(name, owner))).toEqual({ name, owner })))
})

test.each(['build', 'build.box-', 'build.box-1-0-5', 'build.box-1-2', '.box-1-2-3', 'a.box-1-2-3.x'])('%j carries no mark', (name) => {
  expect(readMark(name)).toBeUndefined()
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('this process lives, one with another start time does not, and none is judged from another pid namespace', () => {
  const own = thisProcess()
  expect(isAlive(own)).toBe(true)
  expect(isAlive({ ...own, start: `${Number(own.start) + 1}` })).toBe(false)
  expect(isAlive({ ...own, start: `${Number(own.start) + 1}`, namespace: '1' })).toBe(true)
})

onLinux('a process that has ended does not live', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  expect(isAlive({ ...thisProcess(), pid: child.pid ?? 0, start: '1' })).toBe(false)
})
