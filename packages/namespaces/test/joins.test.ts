import { closeSync, openSync, readlinkSync } from 'node:fs'
import { type NamespaceChoice, type NamespaceKind, type Process, spawn } from '../src/index.ts'
import { asRoot } from './support/run.ts'

const names: Readonly<Record<NamespaceKind, string>> = {
  user: 'user',
  pid: 'pid',
  mount: 'mnt',
  uts: 'uts',
  ipc: 'ipc',
  network: 'net',
  cgroup: 'cgroup',
  time: 'time',
}
const kinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time']
const namespaceOf = (pid: number | 'self', kind: NamespaceKind): string => readlinkSync(`/proc/${pid}/ns/${names[kind]}`)

asRoot.each(kinds)('a %s namespace', (kind) => {
  let other: Process
  beforeAll(async () => {
    other = await spawn(['sleep', '60'], { namespaces: kinds, stdio: 'ignore' })
  })
  afterAll(() => other.close())

  /** The namespaces that a process has where it is given this one. */
  const namespacesWith = async (choice: NamespaceChoice): Promise<readonly string[]> => {
    const child = await spawn(['sleep', '60'], { namespaces: { [kind]: choice }, stdio: 'ignore', cwd: '/' })
    try {
      return kinds.map((one) => namespaceOf(child.pid, one))
    } finally {
      await child.close()
    }
  }
  const hosts = (instead: string): readonly string[] => kinds.map((one) => (one === kind ? instead : namespaceOf('self', one)))

  test('of a process is joined, and no other', async () => {
    expect(await namespacesWith(other)).toEqual(hosts(namespaceOf(other.pid, kind)))
  })

  test('at a path is joined, and no other', async () => {
    expect(await namespacesWith(`/proc/${other.pid}/ns/${names[kind]}`)).toEqual(hosts(namespaceOf(other.pid, kind)))
  })

  test('held by a descriptor is joined, and no other', async () => {
    const fd = openSync(`/proc/${other.pid}/ns/${names[kind]}`, 'r')
    try {
      expect(await namespacesWith({ fd })).toEqual(hosts(namespaceOf(other.pid, kind)))
    } finally {
      closeSync(fd)
    }
  })

  test('of a handle is joined, and no other', async () => {
    expect(await namespacesWith(other.namespaces[kind])).toEqual(hosts(namespaceOf(other.pid, kind)))
  })

  test('that is new is nobody else’s, and the host’s is the host’s', async () => {
    const own = (await namespacesWith('new'))[kinds.indexOf(kind)]
    expect([namespaceOf('self', kind), namespaceOf(other.pid, kind)]).not.toContain(own)
    expect(await namespacesWith('host')).toEqual(hosts(namespaceOf('self', kind)))
  })
})
