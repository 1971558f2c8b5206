import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { spawn, standardCapabilities } from '@box/namespaces'
import type { Container, ExecOptions, StartOptions } from '@box/runtime'
import fs from 'fs-extra'

import { useHostileHost } from './support/hostile-host.ts'
import { makeOrdinaryUser } from './support/ordinary-user.ts'
import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

/** What decides about the rights of a process. */
const rights = /^(?:Cap\w+|NoNewPrivs|Seccomp\w*|[UG]id|Groups|Umask):.*$/gm

asRoot('a command in a container that runs', () => {
  const host = useHostileHost()
  const within = async (options: StartOptions, use: (container: Container) => Promise<void>): Promise<void> => {
    const container = await host.runtime.start('base', ['sh', '-c', 'echo up; sleep 60'], options)
    try {
      for await (const _ of container.stdout) break
      await use(container)
    } finally {
      await container.close()
    }
  }
  const output = async (container: Container, script: string, options?: ExecOptions): Promise<string> => {
    const child = await container.exec(['sh', '-c', script], options)
    const [stdout, stderr, { exitCode }] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    return stdout
  }

  test('an option that is not known is refused, not left out', async () => {
    const misspelt: object = { usr: '1000' }
    await within({}, async (container) => {
      await expect(container.exec(['true'], misspelt)).rejects.toThrow('exec has no option "usr"')
    })
  })

  test('another process joins the container’s network by its handle, and is in no other namespace of it', async () => {
    await within({}, async (container) => {
      const { user, network } = container.namespaces
      const child = await spawn(['sleep', '60'], { namespaces: { user, network }, stdio: 'ignore', cwd: '/' })
      const same = (kind: string) => readlinkSync(`/proc/${child.pid}/ns/${kind}`) === readlinkSync(`/proc/${container.pid}/ns/${kind}`)
      expect(['user', 'net', 'mnt', 'pid', 'uts'].filter(same)).toEqual(['user', 'net'])
      await child.close()
    })
  })

  test.each<[string, StartOptions]>([
    ['in the sandbox', {}],
    ['with an init', { init: true }],
    ['of an ordinary user', { user: '1000:1000' }],
    ['with capabilities of its own', { capabilities: ['CAP_CHOWN', 'CAP_SETUID'] }],
    ['with the ids and the network of the host', { userns: 'host', network: 'host', capabilities: standardCapabilities }],
  ])('%s has the namespaces, the groups, the root and the rights of its first process', async (_title, options) => {
    await within(options, async (container) => {
      const child = await container.exec(['sh', '-c', 'echo up; read line'], { stdio: ['pipe', 'pipe', 'pipe'] })
      for await (const _ of child.stdout) break
      for (const kind of readdirSync('/proc/self/ns').filter((name) => !name.endsWith('_for_children')))
        expect([kind, readlinkSync(`/proc/${child.pid}/ns/${kind}`)]).toEqual([kind, readlinkSync(`/proc/${container.pid}/ns/${kind}`)])
      const both = (file: string) => [child, container].map(({ pid }) => readFileSync(`/proc/${pid}/${file}`, 'utf8'))
      const [groups, groupsOfFirst] = both('cgroup')
      expect(groups).toBe(groupsOfFirst)
      const limits = both('limits')
      expect(limits[0]).toBe(limits[1])
      // The init keeps what it was made with: what counts is what it starts.
      if (options.init !== true) {
        const [status, first] = both('status').map((one) => one.match(rights))
        expect(status).toEqual(first)
      }
      expect(readdirSync(`/proc/${child.pid}/root`).toSorted()).toEqual(readdirSync(`/proc/${container.pid}/root`).toSorted())
      child.stdin.end()
      expect((await child.exited).signal).toBeNull()
    })
  })

  test('has the container’s variables, user and folder unless it is given others', async () => {
    await within({ env: { OF: 'container', GONE: '1' }, cwd: '/work' }, async (container) => {
      expect(await output(container, 'echo $OF $GONE $HOME; pwd; id -u')).toBe('container 1 /root\n/work\n0\n')
      const options = { env: { OF: 'command', GONE: undefined }, cwd: '/tmp', user: 'app' }
      expect(await output(container, 'echo $OF $GONE $HOME; pwd; id -u; id -g', options)).toMatch(/^command \/\S*\n\/tmp\n1000\n1000\n$/)
      await expect(container.exec(['true'], { user: 'nobody-of-that-name' })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
      await expect(container.exec(['true'], { cwd: '/no/such' })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
      await expect(container.exec(['no-such-program'])).rejects.toMatchObject({ code: 'ERR_BOX_COMMAND_NOT_FOUND' })
    })
  })

  test('reads and writes the same files and sees the same processes, with three descriptors and no parent of its own', async () => {
    await within({}, async (container) => {
      expect(await output(container, 'echo written > /tmp/by-exec; readlink /proc/1/exe')).toMatch(/^\/usr\/bin\/\w+\n$/)
      expect(await container.root.readFile('/tmp/by-exec', 'utf8')).toBe('written\n')
      expect(await output(container, 'echo $PPID; exec ls /proc/self/fd')).toBe('0\n0\n1\n2\n3\n')
    })
  })

  test('gives its input, output and exit, ends in time, by a signal and when it is told to', async () => {
    await within({}, async (container) => {
      const cat = await container.exec(['sh', '-c', 'cat; exit 7'], { stdio: 'pipe' })
      cat.stdin.end('through')
      expect([await text(cat.stdout), (await cat.exited).exitCode]).toEqual(['through', 7])
      const late = await container.exec(['sleep', '60'], { timeout: 50 })
      expect(await late.exited).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
      const abort = new AbortController()
      const aborted = await container.exec(['sleep', '60'], { signal: abort.signal })
      abort.abort()
      expect((await aborted.exited).signal).toBe('SIGKILL')
      const killed = await container.exec(['sleep', '60'])
      killed.kill('SIGTERM')
      expect((await killed.exited).signal).toBe('SIGTERM')
      expect(container.kill(0)).toBe(true)
    })
  })

  test('has a terminal of the container’s where it asks for one', async () => {
    await within({}, async (container) => {
      const child = await container.exec(['sh', '-c', 'test -t 0 && test -t 1 && readlink /proc/self/fd/0'], { terminal: true })
      expect(await text(child.stdout)).toBe('/dev/pts/0\r\n')
    })
  })

  test('ends with the container, and then there is no other', async () => {
    await within({}, async (container) => {
      const children = await Promise.all(Array.from({ length: 8 }, () => container.exec(['sleep', '60'])))
      container.kill('SIGKILL')
      for (const child of children) expect((await child.exited).signal).toBe('SIGKILL')
      await container.exited
      await expect(container.exec(['true'])).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    })
  })

  test('where the container ends meanwhile it is started, or it is said that the container has ended', async () => {
    for (let round = 0; round < 10; round += 1)
      await within({}, async (container) => {
        const attempts = Array.from({ length: 6 }, () => container.exec(['true']))
        container.kill('SIGKILL')
        for (const outcome of await Promise.allSettled(attempts)) {
          if (outcome.status === 'fulfilled') await outcome.value.exited
          else expect(outcome.reason).toMatchObject({ code: 'ERR_BOX_STATE' })
        }
      })
  }, 30_000)
})

asRoot('without privileges', () => {
  const workplace = useWorkplace()
  const here = path.dirname(fileURLToPath(import.meta.url))

  test('an ordinary user starts a command in a container that runs', async () => {
    await fs.chmod(workplace.folder, 0o755)
    const user = await makeOrdinaryUser(workplace.folder)
    try {
      const rootfs = path.join(workplace.folder, 'rootfs')
      const { copyPrograms, makeSkeleton } = await import(path.join(here, '../examples/mini-runtime/programs.mjs'))
      await makeSkeleton(rootfs)
      await copyPrograms(rootfs, ['sh', 'id', 'cat', 'grep', 'readlink', 'sleep', 'hostname'])
      const program = path.join(user.repository, 'test-e2e/programs/rootless-exec.mjs')
      const { stdout, stderr, exitCode } = await user.run([process.execPath, program, user.home, rootfs])
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      const { namespaces, rights: seen, output, exits } = JSON.parse(stdout)
      expect(namespaces[1]).toEqual(namespaces[0])
      expect(seen[1]).toEqual(seen[0])
      expect(seen[0]).toEqual(expect.arrayContaining(['NoNewPrivs:\t1', 'Seccomp:\t2']))
      expect(output).toBe('inside 0\n')
      expect(exits).toEqual({ exitCode: null, signal: 'SIGKILL', after: 'ERR_BOX_STATE' })
    } finally {
      await user.remove()
    }
  }, 60_000)
})
