import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type SpawnOptions, standardMaskedPaths, standardReadOnlyPaths } from '../src/index.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot, run } from './support/run.ts'

const renameat2 = process.arch === 'x64' ? '316' : '276'
const program = 'my ($n, $a, $b) = @ARGV; $| = 1; print "begun"; while (1) { syscall($n + 0, -100, $a, -100, $b, 2) == 0 or die $! }'

/** All that is mounted, once the procfs is where it is looked for. */
const look = 'until cat /proc/self/mountinfo 2>/dev/null; do :; done'

asRoot('runc CVE-2019-19921: who has a root folder from elsewhere, and exchanges its /proc while a process is started in it', () => {
  let root: RootFolder
  beforeAll(() => {
    root = new RootFolder()
    for (const name of ['proc', 'other']) mkdirSync(join(root.path, name))
  })
  afterAll(() => root.close())

  async function exchanging<Value>(work: () => Promise<Value>): Promise<Value> {
    const attacker = nodeSpawn('perl', ['-e', program, renameat2, join(root.path, 'proc'), join(root.path, 'other')])
    try {
      await once(attacker.stdout, 'data')
      return await work()
    } finally {
      attacker.kill('SIGKILL')
      await once(attacker, 'exit')
    }
  }
  const options: SpawnOptions = {
    namespaces: ['mount', 'pid', 'uts', 'ipc', 'network'],
    root: {
      get fd() {
        return root.fd
      },
    },
    maskedPaths: standardMaskedPaths,
    readOnlyPaths: standardReadOnlyPaths,
  }
  /** What is hidden or protected in the procfs, wherever its folder is by now. Twice where the path led elsewhere meanwhile. */
  const protectedPaths = async (): Promise<string> => {
    const { stdout } = await run(['sh', '-c', look], options)
    const found = stdout.split('\n').flatMap((line) => /^(?:\S+ ){4}\/(?:proc|other)\/(\S+) /.exec(line)?.[1] ?? [])
    return [...new Set(found)].toSorted().join(' ')
  }

  test('finds that a path leads there at one time and elsewhere at another', async () => {
    const see = 'there=; absent=; while ! [ "$there$absent" = 11 ]; do [ -e /proc/self ] && there=1 || absent=1; done; echo both'
    const { stdout } = await exchanging(() => run(['sh', '-c', see], { ...options, maskedPaths: [], readOnlyPaths: [] }))
    expect(stdout).toBe('both\n')
  })

  test('leaves no path of it unhidden or writable', async () => {
    const expected = await protectedPaths()
    expect(expected).toMatch(/irq keys sys/)
    const seen = await exchanging(async () => {
      const rounds: string[] = []
      for (let round = 0; round < 40; round += 1) rounds.push(await protectedPaths())
      return rounds
    })
    expect(seen.filter((paths) => paths !== expected)).toEqual([])
  })
})
