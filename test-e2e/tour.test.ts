import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const main = path.join(path.dirname(fileURLToPath(import.meta.url)), '../examples/mini-runtime/main.mjs')

asRoot('the tour', () => {
  useWorkplace()

  test('it makes, pushes, pulls, runs and saves, and leaves nothing behind', async () => {
    const { exitCode, lines } = await tour(() => false)
    expect(lines.filter((line) => line.includes('left behind'))).toEqual([])
    expect(exitCode).toBe(0)
    const text = lines.join('\n')
    expect(text).toContain('already there, not transferred')
    expect(text).toContain('hello from process 1 on ')
    expect(text).toMatch(/added +\/app\/result\.json/)
    expect(text).toContain('the image itself is untouched')
    expect(text).toContain('exit code 0')
    expect(text).toContain('nothing is left')
  }, 120_000)

  test.each(['Push them', 'Pull them', 'step 1 of 3'])(
    'killed when it comes to "%s", the next tour works and cleans up',
    async (moment) => {
      expect((await tour((line) => line.includes(moment))).signal).toBe('SIGKILL')
      const { exitCode, lines } = await tour(() => false)
      expect(lines.join('\n')).toContain('which a tour that was killed had left')
      expect(exitCode).toBe(0)
    },
    120_000,
  )
})

/** Runs the tour, and kills it at the first line for which `kill` is true. */
async function tour(kill: (line: string) => boolean): Promise<{ exitCode: number | null; signal: string | null; lines: string[] }> {
  const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (kill(line)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return { exitCode: child.exitCode, signal: child.signalCode, lines }
}
