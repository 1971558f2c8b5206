import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mediaTypes } from '@box/oci'
import { LayerStore, type MountedRoot } from '../src/index.ts'
import { put, putImage, tar, type TarEntry } from './fixtures.ts'

const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? describe : describe.skip

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-breakouts-'))
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside/passwd'), 'unharmed', { mode: 0o400 })
  store = await LayerStore.open(join(folder, 'store'), { durability: 'none' })
})
afterEach(async () => {
  await store.close()
  const { mode } = lstatSync(join(folder, 'outside/passwd'))
  expect([await readdir(join(folder, 'outside')), readFileSync(join(folder, 'outside/passwd'), 'utf8'), mode & 0o7777]).toEqual([
    ['passwd'],
    'unharmed',
    0o400,
  ])
  expect((await readdir(folder)).toSorted()).toEqual(['outside', 'store'])
  await rm(folder, { recursive: true })
})

const dir = (name: string): TarEntry => ({ name, type: 'folder' })
const file = (name: string, content = 'inside'): TarEntry => ({ name, content })
const symlink = (name: string, target: string): TarEntry => ({ name, type: 'symlink', target })
const link = (name: string, target: string): TarEntry => ({ name, type: 'hardlink', target })

interface Row {
  /** The name of the case in containerd's TestBreakouts (pkg/archive/tar_test.go). */
  readonly name: string
  /** What the layer below has, if there is one. */
  readonly below?: readonly TarEntry[]
  readonly entries: readonly TarEntry[]
  /** Nothing: the layer is refused. Files by their content; `undefined` for what must not be there. */
  readonly files?: Readonly<Record<string, string | undefined>>
  /** Paths that must be one file. */
  readonly same?: readonly string[]
  /** Paths that must be different files. */
  readonly differ?: readonly string[]
}

const passwd = [dir('etc'), file('etc/passwd')]

/** The same attacks as containerd is tested with. Where it lets something pass that has two meanings, it is refused here. */
const rows: readonly Row[] = [
  {
    name: 'SymlinkAbsolute',
    entries: [dir('etc'), symlink('localetc', '/etc'), file('/localetc/unbroken')],
    files: { '/etc/unbroken': 'inside' },
  },
  {
    name: 'SymlinkUpAndOut',
    entries: [dir('etc'), dir('dummy'), symlink('localetc', '/dummy/../etc'), file('/localetc/unbroken')],
    files: { '/etc/unbroken': 'inside' },
  },
  {
    name: 'SymlinkMultipleAbsolute',
    entries: [dir('etc'), dir('dummy'), symlink('/dummy/etc', '/etc'), symlink('localetc', '/dummy/etc'), file('/localetc/unbroken')],
    files: { '/etc/unbroken': 'inside' },
  },
  {
    name: 'SymlinkMultipleRelative',
    entries: [dir('etc'), dir('dummy'), symlink('/dummy/etc', '/etc'), symlink('localetc', './dummy/etc'), file('/dummy/etc/unbroken')],
    files: { '/etc/unbroken': 'inside' },
  },
  {
    name: 'SymlinkEmptyFile',
    entries: [dir('etc'), file('etc/emptied'), symlink('localetc', '/etc'), file('/localetc/emptied', '')],
    files: { '/etc/emptied': '' },
  },
  {
    name: 'HardlinkRelative',
    entries: [...passwd, dir('breakouts'), symlink('breakouts/d1', '../../etc'), link('breakouts/mypasswd', '/breakouts/d1/passwd')],
    same: ['breakouts/mypasswd', 'etc/passwd'],
  },
  {
    name: 'HardlinkDownAndOut',
    entries: [
      ...passwd,
      dir('breakouts'),
      dir('downandout'),
      symlink('breakouts/d1', '../downandout/../../etc'),
      link('breakouts/mypasswd', '/breakouts/d1/passwd'),
    ],
    same: ['breakouts/mypasswd', 'etc/passwd'],
  },
  {
    name: 'HardlinkAbsolute',
    entries: [...passwd, symlink('localetc', '/etc'), link('localpasswd', '/localetc/passwd')],
    same: ['localpasswd', 'etc/passwd'],
  },
  {
    name: 'HardlinkRelativeLong',
    entries: [...passwd, symlink('localetc', '../../../../../../../etc'), link('localpasswd', '/localetc/passwd')],
    same: ['localpasswd', 'etc/passwd'],
  },
  {
    name: 'HardlinkRelativeUpAndOut',
    entries: [...passwd, dir('upandout'), symlink('localetc', 'upandout/../../../etc'), link('localpasswd', '/localetc/passwd')],
    same: ['localpasswd', 'etc/passwd'],
  },
  { name: 'HardlinkDirectRelative', entries: [...passwd, link('localpasswd', '../../../../../etc/passwd')] },
  { name: 'HardlinkDirectAbsolute', entries: [...passwd, link('localpasswd', '/etc/passwd')], same: ['localpasswd', 'etc/passwd'] },
  { name: 'SymlinkParentDirectory', entries: [...passwd, symlink('..', '/etc/'), link('localpasswd', '/etc/passwd')] },
  { name: 'SymlinkEmptyFilename', entries: [...passwd, symlink('', '/etc/'), link('localpasswd', '/etc/passwd')] },
  {
    name: 'SymlinkParentRelative',
    entries: [...passwd, symlink('localetc/sub/..', '/etc/'), link('/localetc/localpasswd', '/etc/passwd')],
    same: ['etc/localpasswd', 'etc/passwd'],
  },
  {
    name: 'SymlinkSlashEnded',
    entries: [...passwd, dir('localetc/'), link('/localetc/localpasswd', '/etc/passwd')],
    same: ['localetc/localpasswd', 'etc/passwd'],
  },
  {
    name: 'SymlinkOverrideDirectory',
    below: [...passwd, dir('localetc')],
    entries: [symlink('localetc', '/etc'), link('/localetc/localpasswd', '/etc/passwd')],
    same: ['etc/localpasswd', 'etc/passwd'],
  },
  {
    name: 'SymlinkOverrideDirectoryRelative',
    below: [...passwd, dir('localetc')],
    entries: [symlink('localetc', '../../etc'), link('/localetc/localpasswd', '/etc/passwd')],
    same: ['etc/localpasswd', 'etc/passwd'],
  },
  {
    name: 'DirectoryOverrideSymlink',
    below: [...passwd, symlink('localetc', '/etc')],
    entries: [dir('/localetc/'), link('/localetc/localpasswd', '/etc/passwd')],
    same: ['localetc/localpasswd', 'etc/passwd'],
  },
  {
    name: 'DirectoryOverrideSymlinkAndHardlink',
    below: [...passwd, symlink('localetc', 'etc'), link('/localetc/localpasswd', '/etc/passwd')],
    entries: [dir('/localetc/'), file('/localetc/localpasswd', 'different')],
    files: { '/etc/passwd': 'inside', '/localetc/localpasswd': 'different' },
    differ: ['localetc/localpasswd', 'etc/passwd'],
  },
  { name: 'WhiteoutRootParent', below: passwd, entries: [file('.wh...', '')] },
  { name: 'WhiteoutParent', below: passwd, entries: [file('etc/.wh...', '')] },
  { name: 'WhiteoutRoot', below: passwd, entries: [file('.wh..', '')] },
  { name: 'WhiteoutCurrentDirectory', below: passwd, entries: [file('etc/.wh..', '')] },
  {
    name: 'WhiteoutSymlink',
    below: [...passwd, symlink('localetc', '/etc')],
    entries: [file('.wh.localetc', '')],
    files: { '/etc/passwd': 'inside', '/localetc/passwd': undefined },
  },
  {
    name: 'WhiteoutSymlinkPath',
    below: [...passwd, file('etc/whitedout'), symlink('localetc', '/etc')],
    entries: [file('localetc/.wh.whitedout', '')],
    files: { '/etc/passwd': 'inside', '/etc/whitedout': undefined },
  },
  { name: 'WhiteoutDirectoryName', below: passwd, entries: [file('.wh.etc/somefile', 'non-empty')] },
  {
    name: 'WhiteoutDeadSymlinkParent',
    below: [...passwd, symlink('localetc', '/dne')],
    entries: [file('localetc/.wh.etc', '')],
    files: { '/etc/passwd': 'inside' },
  },
  { name: 'WhiteoutRelativePath', below: passwd, entries: [file('dne/../.wh.etc', '')], files: { '/etc/passwd': undefined } },
  {
    name: 'HardlinkSymlinkBeforeCreateTarget',
    entries: [dir('etc'), symlink('localpasswd', '/etc/passwd'), link('localpasswd-dup', 'localpasswd'), file('/etc/passwd', 'after')],
    files: { '/localpasswd-dup': 'after' },
    same: ['localpasswd', 'localpasswd-dup'],
  },
  {
    name: 'HardlinkSymlinkRelative',
    entries: [...passwd, symlink('passwdlink', '../../../../../etc/passwd'), link('localpasswd', '/passwdlink')],
    files: { '/localpasswd': 'inside' },
    same: ['localpasswd', 'passwdlink'],
  },
  {
    name: 'HardlinkSymlinkAbsolute',
    entries: [...passwd, symlink('passwdlink', '/etc/passwd'), link('localpasswd', '/passwdlink')],
    files: { '/localpasswd': 'inside' },
    same: ['localpasswd', 'passwdlink'],
  },
  // The targets of the next are named once the folder is there: {outside}.
  {
    name: 'HardlinkSymlinkChmod',
    entries: [symlink('also-exists', '{outside}/passwd'), { ...link('sketchylink', 'also-exists'), mode: 0o777 }],
    same: ['also-exists', 'sketchylink'],
  },
]

asRoot('attacks that containerd is tested with', () => {
  test.each(rows)('$name', async ({ below, entries, files = {}, same = [], differ = [], ...rest }) => {
    const layer = tar(entries.map((entry) => ({ ...entry, target: entry.target?.replace('{outside}', join(folder, 'outside')) ?? '' })))
    const refused = Object.keys(files).length + same.length + differ.length === 0
    if (refused) {
      await expect(put(store, layer, mediaTypes.layer)).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
      return
    }
    await putImage(store, [...(below === undefined ? [] : [tar(below)]), layer], rest.name)
    const root = await store.mount(rest.name, { readOnly: true })
    try {
      for (const [path, content] of Object.entries(files))
        if (content === undefined) await expect(root.readFile(path)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
        else expect(await root.readFile(path, 'utf8')).toBe(content)
      expect(new Set(same.map((path) => inode(root, path))).size).toBeLessThan(2)
      expect(new Set(differ.map((path) => inode(root, path))).size).toBe(differ.length)
    } finally {
      await root.close()
    }
  })
})

asRoot('hard links into lower layers', () => {
  test('lead to the file of the image that the layer is part of, and nowhere in others', async () => {
    const layer = tar([link('again', 'etc/passwd')])
    await putImage(store, [tar(passwd), layer], 'image')
    const root = await store.mount('image')
    expect(await root.readFile('/again', 'utf8')).toBe('inside')
    expect(inode(root, 'again')).toBe(inode(root, 'etc/passwd'))
    await root.close()
    await expect(putImage(store, [layer], 'alone')).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
    await putImage(store, [tar([file('other')]), layer], 'wrong')
    await expect(store.mount('wrong')).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
    expect((await store.list()).map(({ name }) => name)).toEqual(['image', 'wrong'])
  })
})

/** No part of the path is a link. */
function inode(root: MountedRoot, path: string): number {
  return lstatSync(`/proc/self/fd/${root.fd}/${path}`).ino
}
