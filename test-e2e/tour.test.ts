import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { LayerStore } from '@box/layers'
import { Registry } from '@box/registry'

import { startDockerRegistry } from './support/docker-registry.ts'
import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const main = path.join(path.dirname(fileURLToPath(import.meta.url)), '../examples/mini-runtime/main.mjs')

asRoot('the tour', () => {
  const workplace = useWorkplace()

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

  test('with the name of an image it pulls that one, runs the command in it, and ends with the same exit code', async () => {
    const { copyPrograms, makeSkeleton } = await import(path.join(path.dirname(main), 'programs.mjs'))
    const rootfs = path.join(workplace.folder, 'rootfs')
    await makeSkeleton(rootfs)
    await copyPrograms(rootfs, ['sh', 'cat'])
    const server = await startDockerRegistry(path.join(workplace.folder, 'registry'))
    const store = await LayerStore.open(path.join(workplace.folder, 'store'))
    const client = new Registry()
    try {
      await store.create({ add: { '/': rootfs }, config: { entrypoint: ['sh', '-c'] }, tag: 'shell:1' })
      await client.push(store, `${server.address}/tools/shell:1`, { name: 'shell:1' })
      const { exitCode, lines } = await tour(
        () => false,
        [`${server.address}/tools/shell:1`, 'cat /etc/hostname /proc/sys/kernel/hostname; exit 7'],
      )
      expect(lines.join('\n')).toMatch(/│ [0-9a-f]{12}\n/)
      expect(lines).toContain('  exit code 7')
      expect(exitCode).toBe(7)
    } finally {
      await Promise.all([client.close(), store.close(), server.close()])
    }
  }, 120_000)

  test('an image that is nowhere is one clear line, not a stack of calls', async () => {
    const { exitCode, errors } = await tour(() => false, ['127.0.0.1:1/no/such:1'])
    expect(exitCode).toBe(1)
    expect(errors).toMatch(/^[^\n]*ERR_BOX_REGISTRY_UNREACHABLE[^\n]*\n$/)
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
async function tour(
  kill: (line: string) => boolean,
  args: readonly string[] = [],
): Promise<{ exitCode: number | null; signal: string | null; lines: string[]; errors: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (kill(line)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return { exitCode: child.exitCode, signal: child.signalCode, lines, errors }
}
