import { once } from 'node:events'

import type { StartOptions } from '@box/runtime'

import { useHostileHost } from '../support/hostile-host.ts'
import { processesWith } from '../support/processes.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

asRoot('nothing outlives its container', () => {
  const host = useHostileHost()
  let count = 0
  /** A word in the command line of the payload and of what it forks. */
  const newWord = () => `box-hostile-${process.pid}-${(count += 1)}`
  const perl = (script: string, word: string) => ['perl', '-e', script, word]

  test.each<readonly [string, StartOptions]>([
    ['as process 1', {}],
    ['below an init', { init: true }],
    ['without a user namespace', { userns: 'host' }],
  ])('a payload that ignores every signal it can, %s, is ended by close()', async (_name, options) => {
    const word = newWord()
    const stubborn = '$SIG{$_} = "IGNORE" for keys %SIG; $| = 1; print "ready\\n"; while (1) { sleep 1000 }'
    const container = await host.runtime.start('base', perl(stubborn, word), options)
    await once(container.stdout, 'data')
    container.kill('SIGTERM')
    container.kill('SIGINT')
    expect((await container.stats())?.pids.current).toBeGreaterThan(0)
    expect(processesWith(word)).not.toEqual([])
    await container.close()
    expect(await container.exited).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    expect(processesWith(word)).toEqual([])
  })

  test.each<readonly [string, StartOptions]>([
    ['as process 1', {}],
    ['below an init', { init: true }],
  ])('children in sessions of their own end with the payload that has left them behind, %s', async (_name, options) => {
    const word = newWord()
    const leave = `
      $| = 1;
      for (1 .. 20) {
        next if fork;
        syscall($ARGV[1] + 0); $SIG{$_} = "IGNORE" for keys %SIG;
        fork and exit; close STDOUT; close STDERR; sleep 1000 while 1;
      }
      print "left\\n"; sleep 1000 unless <STDIN>;`
    const setsid = process.arch === 'x64' ? '112' : '157'
    const container = await host.runtime.start('base', [...perl(leave, word), setsid], { ...options, stdio: 'pipe' })
    await once(container.stdout, 'data')
    expect(processesWith(word).length).toBeGreaterThan(5)
    container.stdin.end('go\n')
    expect(await container.exited).toMatchObject({ exitCode: 0 })
    await container.close()
    expect(processesWith(word)).toEqual([])
  })

  test('a fork bomb gets as many processes as its limit says, and ends', async () => {
    const word = newWord()
    const bomb = '$| = 1; $SIG{CHLD} = "IGNORE"; print "go\\n"; fork while 1;'
    const container = await host.runtime.start('base', perl(bomb, word), { limits: { pids: 24, cpus: 0.5 } })
    try {
      let most = 0
      container.stdout.resume()
      while (most < 24) {
        const now = (await container.stats())?.pids.current ?? 0
        expect(now).toBeLessThanOrEqual(24)
        expect(processesWith(word).length).toBeLessThanOrEqual(24)
        most = Math.max(most, now)
      }
    } finally {
      await container.close()
    }
    expect(processesWith(word)).toEqual([])
  })

  test('without a limit of its own a container has one', async () => {
    const { stdout } = await host.runtime.run('base', ['sh', '-c', 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max'], {
      check: false,
    })
    expect(stdout).toMatch(/^(1024|max)\n$/)
    const container = await host.runtime.start('base', ['sleep', '1000'])
    try {
      expect((await container.stats())?.pids.max).toBe(1024)
    } finally {
      await container.close()
    }
  })

  test('a payload that writes without an end is stopped at the limit of the output', async () => {
    await expect(
      host.runtime.run('base', ['perl', '-e', '$| = 1; print "x" x 65536 while 1'], { maxOutput: '1MiB' }),
    ).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT' })
  })
})
