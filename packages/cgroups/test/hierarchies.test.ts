import * as fc from 'fast-check'
import { findHierarchies, folderOf, type Hierarchies } from '../src/hierarchies/find.ts'
import { parseMembership } from '../src/hierarchies/membership.ts'
import { parseMountinfo } from '../src/hierarchies/mountinfo.ts'
import { dockerOnV1, foreign, hybrid, pairs, unified, type Recorded } from './recorded.ts'

function find({ mountinfo, membership }: Recorded): Hierarchies {
  return findHierarchies(parseMountinfo(mountinfo), parseMembership(membership))
}

describe('finding hierarchies', () => {
  test('the hybrid has v2 and each v1 hierarchy with controllers', () => {
    const { v2, v1 } = find(hybrid)
    expect(v2?.mountPoint).toBe('/sys/fs/cgroup/unified')
    expect(v1.map((it) => it.controllers.join())).toEqual(['blkio', 'memory', 'cpuacct', 'cpu'])
    expect(v1[1] && folderOf(v1[1], '/api/1')).toBe('/sys/fs/cgroup/memory/api/1')
  })

  test('v2 alone, with a colon in the name of the group', () => {
    const { v2, v1 } = find(unified)
    expect(v1).toEqual([])
    const own = parseMembership(unified.membership)[0]?.path ?? ''
    expect(v2 && folderOf(v2, own)).toBe('/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/app:x.service')
  })

  test('controllers that share a hierarchy are found whatever their order', () => {
    expect(find(pairs).v1.map((it) => [it.mountPoint, it.controllers])).toEqual([
      ['/sys/fs/cgroup/net_cls,net_prio', ['net_prio', 'net_cls']],
      ['/sys/fs/cgroup/cpu,cpuacct', ['cpuacct', 'cpu']],
    ])
  })

  test('a mount that shows only a part is used for that part', () => {
    const { v2, v1 } = find(dockerOnV1)
    expect(v2).toBeUndefined()
    expect(v1).toHaveLength(1)
    const [memory] = v1
    expect(memory?.readOnly).toBe(true)
    expect(memory && folderOf(memory, '/docker/4f0c')).toBe('/sys/fs/cgroup/memory')
    expect(memory && folderOf(memory, '/docker/4f0c/inner')).toBe('/sys/fs/cgroup/memory/inner')
    expect(memory && folderOf(memory, '/docker/4f0c2')).toBeUndefined()
    expect(memory && folderOf(memory, '/')).toBeUndefined()
  })

  test('a group outside the cgroup namespace has no folder', () => {
    const { v2 } = find(foreign)
    expect(v2 && folderOf(v2, '/../other')).toBeUndefined()
  })

  test('of two mounts the writable one that shows the own group is taken', () => {
    const mountinfo = `1 0 0:1 /else /a rw - cgroup2 cgroup2 rw
2 0 0:1 / /b ro - cgroup2 cgroup2 rw
3 0 0:1 / /c rw - cgroup2 cgroup2 rw
`
    expect(find({ mountinfo, membership: '0::/own\n' }).v2?.mountPoint).toBe('/c')
  })

  test('a mount that another one hides is not used', () => {
    const mountinfo = `1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
2 0 0:9 / /sys/fs/cgroup rw - tmpfs tmpfs rw
`
    expect(find({ mountinfo, membership: '0::/\n' }).v2).toBeUndefined()
  })
})

/** As the kernel does it (fs/proc_namespace.c). */
function escape(path: string): string {
  return path.replace(/[ \t\n\\#]/g, (it) => `\\${it.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

describe('mountinfo', () => {
  test('optional fields may be none or many', () => {
    const [none, many] = parseMountinfo(
      '1 0 0:1 / /a rw - ext4 d rw\n2 0 0:1 / /b ro,nosuid shared:1 master:2 unbindable - ext4 d rw,x=-\n',
    )
    expect(none).toEqual({ root: '/', mountPoint: '/a', options: ['rw'], type: 'ext4', superOptions: ['rw'] })
    expect(many).toEqual({ root: '/', mountPoint: '/b', options: ['ro', 'nosuid'], type: 'ext4', superOptions: ['rw', 'x=-'] })
  })

  test('every mount point is read back from how the kernel writes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ' ', '\t', '\n', '\\', '#', '1', '4', '-', 'ü', '/') }), (name) => {
        const [mount] = parseMountinfo(`1 0 0:1 / /${escape(name)} rw shared:1 - ext4 d rw\n`)
        expect(mount?.mountPoint).toBe(`/${name}`)
      }),
    )
  })

  test.each(['1 0 0:1 / /a rw', 'x 0 0:1 / /a rw - ext4 d rw', '1 0 0:1 / /a rw - ext4 d', 'nonsense'])('%j is refused', (line) => {
    expect(() => parseMountinfo(line)).toThrow(expect.objectContaining({ code: 'ERR_BOX_SYSTEM' }))
  })
})

describe('membership', () => {
  test('a group that was removed is read without the mark', () => {
    expect(parseMembership('0::/a (deleted)\n')).toEqual([{ hierarchy: 0, controllers: [], path: '/a' }])
  })

  test.each(['0:', '0::relative', 'x:cpu:/'])('%j is refused', (line) => {
    expect(() => parseMembership(line)).toThrow(expect.objectContaining({ code: 'ERR_BOX_SYSTEM' }))
  })
})
