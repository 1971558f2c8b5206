import { createHash } from 'node:crypto'
import { tar } from './fixtures.ts'

/** A layer of files whose content follows from the seed: two processes make the same. */
export function seededLayer(size: number, seed: string): Buffer {
  const content = (name: string, length: number): Buffer => {
    const blocks: Buffer[] = []
    for (let count = 0; count * 64 < length; count += 1) blocks.push(createHash('sha512').update(`${seed} ${name} ${count}`).digest())
    return Buffer.concat(blocks).subarray(0, length)
  }
  const names = Array.from({ length: 16 }, (_, index) => `file-${index}`)
  return tar(names.map((name) => ({ name, content: content(name, Math.floor(size / names.length)) })))
}
