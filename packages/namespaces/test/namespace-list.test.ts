import { execFile } from 'node:child_process'
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ListedNamespace, Namespace, type NamespaceKind, listNamespaces, spawn } from '../src/index.ts'
import { asRoot } from './support/run.ts'

const kinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const lsnsNames: Readonly<Record<string, NamespaceKind>> = {
  user: 'user',
  pid: 'pid',
  mnt: 'mount',
  uts: 'uts',
  ipc: 'ipc',
  net: 'network',
  cgroup: 'cgroup',
  time: 'time',
}

interface LsnsRow {
  readonly ns: number
  readonly type: string
  readonly nprocs: number
  readonly pid: number
  readonly ons: number
  readonly pns: number
}

async function lsns(): Promise<readonly LsnsRow[]> {
  const { stdout } = await promisify(execFile)('lsns', ['--json', '-o', 'NS,TYPE,NPROCS,PID,ONS,PNS'])
  const { namespaces }: { namespaces: readonly LsnsRow[] } = JSON.parse(stdout)
  return namespaces
}

/** A row as lsns has it, without the processes. */
const related = ({ kind, id, owner, parent }: ListedNamespace): object => ({ kind, id, owner: owner ?? 0, parent: parent ?? 0 })
const relatedBy = ({ ns, type, ons, pns }: LsnsRow): object => ({ kind: lsnsNames[type], id: ns, owner: ons, parent: pns })

test('the namespaces of a process are listed with their members, owner and parent, as lsns has them', async () => {
  const child = await spawn(['sleep', '60'], { namespaces: kinds, stdio: 'ignore', cwd: '/' })
  try {
    const own = kinds.map((kind) => child.namespaces[kind].id)
    const [ours, theirs] = [await listNamespaces(), await lsns()]
    const mine = ours.filter(({ id }) => own.includes(id))
    expect(mine.map(({ kind }) => kind)).toEqual(kinds)
    for (const { kind, members, owner, parent } of mine) {
      expect(members).toEqual([child.pid])
      if (kind !== 'user') expect(owner).toBe(child.namespaces.user.id)
      expect(parent !== undefined).toBe(kind === 'user' || kind === 'pid')
    }
    expect(mine.map(related)).toEqual(
      kinds.map((kind) => theirs.find(({ ns }) => ns === child.namespaces[kind].id)).map((row) => row && relatedBy(row)),
    )
    for (const { id, members } of mine)
      expect(theirs.find(({ ns }) => ns === id)).toMatchObject({ nprocs: members.length, pid: members[0] })
    // The test's own: processes come and go there, what they belong to stays.
    const host = kinds.map((kind) =>
      Number(/\d+/.exec(readlinkSync(`/proc/self/ns/${kind === 'mount' ? 'mnt' : kind === 'network' ? 'net' : kind}`))),
    )
    const listed = ours.filter(({ id }) => host.includes(id))
    for (const entry of listed) {
      expect(entry.members).toContain(process.pid)
      const row = theirs.find(({ ns }) => ns === entry.id)
      expect(row && relatedBy(row)).toEqual(related(entry))
    }
    expect(listed).toHaveLength(kinds.length)
  } finally {
    await child.close()
  }
})

test('processes that end meanwhile are no failure', async () => {
  const busy = Array.from({ length: 12 }, async () => {
    for (let round = 0; round < 4; round += 1)
      await (
        await spawn(['true'], { namespaces: ['user', 'uts'], stdio: 'ignore', cwd: '/' })
      ).exited
  })
  const lists = await Promise.all(Array.from({ length: 6 }, () => listNamespaces()))
  await Promise.all(busy)
  for (const list of lists) {
    expect(new Set(list.map(({ id }) => id)).size).toBe(list.length)
    for (const { members } of list) expect(new Set(members).size).toBe(members.length)
    const ids = new Set(list.map(({ id }) => id))
    for (const { owner, parent } of list) for (const other of [owner, parent]) if (other !== undefined) expect(ids).toContain(other)
  }
})

asRoot('as root', () => {
  test('a namespace that is only pinned is listed with its path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box pin-'))
    const path = join(folder, 'one')
    const child = await spawn(['sleep', '60'], { namespaces: ['user', 'network'], stdio: 'ignore', cwd: '/' })
    const { network, user } = child.namespaces
    try {
      await network.pin(path)
      await child.close()
      const entry = (await listNamespaces()).find(({ id }) => id === network.id)
      expect(entry).toMatchObject({ kind: 'network', members: [], pins: [path], owner: user.id })
    } finally {
      await child.close()
      await Namespace.unpin(path)
      rmSync(folder, { recursive: true })
    }
    expect((await listNamespaces()).find(({ pins }) => pins.includes(path))).toBeUndefined()
  })

  test('an ordinary user gets those of its own processes', async () => {
    const program = `import { listNamespaces } from '@box/namespaces'; import { native } from '@box/native'; native()
      process.setgroups([]); process.setgid(65534); process.setuid(65534); process.chdir('/')
      const list = await listNamespaces()
      console.log(JSON.stringify(list.filter(({ members }) => members.includes(process.pid)).map(({ kind }) => kind)))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(__dirname, 'support'),
    })
    expect(JSON.parse(stdout)).toEqual([...kinds, 'time'])
  })
})
