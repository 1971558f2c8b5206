import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { acquireIds, sweepIds } from '../src/ids.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

asRoot('ranges of ids', () => {
  test('no two containers have a range in common, and nothing is left when they are released', () => {
    const ranges = Array.from({ length: 50 }, () => acquireIds())
    const firsts = ranges.map(({ first }) => first)
    expect(new Set(firsts).size).toBe(50)
    for (const first of firsts) {
      expect(first % 65_536).toBe(0)
      expect(first).toBeGreaterThanOrEqual(0x7000_0000)
      expect(first + 65_535).toBeLessThan(2 ** 31)
    }
    for (const range of ranges) range.release()
    for (const range of ranges) range.release()
    for (const first of firsts) expect(existsSync(fileOf(first))).toBe(false)
  })

  test('a range that is in use is not swept, the file of a dead owner is', () => {
    const range = acquireIds()
    const dead = path.join('/run/box/ids', 'left')
    writeFileSync(dead, '')
    sweepIds()
    expect(existsSync(dead)).toBe(false)
    expect(existsSync(fileOf(range.first))).toBe(true)
    range.release()
  })
})

function fileOf(first: number): string {
  return path.join('/run/box/ids', String((first - 0x7000_0000) / 65_536))
}
