/** How long it takes to start /bin/true, see its end and leave nothing behind: ours, the machine's own floor, and our peers. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPeer } from '../scripts/peers.mjs'
import { driveApart, driveCommand, startDriver } from './driver.mjs'
import { launchAll, launchIn, launchNone } from './launch/box.mjs'
import { makeOverlay } from './launch/overlay.mjs'
import { driveRootless } from './launch/rootless.mjs'
import { makeWorkplace } from './launch/workplace.mjs'
import { callsOfOneRound, callTable } from './system-calls.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const oneASecond = 'one a second'
const largeMebibytes = 512

export const bench = {
  name: 'launch',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: (row) => {
    const [, what = ''] = row.split(' ')
    const floor =
      { large: 'child_process large', none: 'child_process none', overlay: 'floor overlay', rootless: 'unshare rootless' }[what] ??
      'floor all'
    return row.endsWith(oneASecond) ? `${floor} ${oneASecond}` : floor
  },
  phases: [{}, { suffix: oneASecond, pauseMs: 1000 }],
  async open() {
    const place = makeWorkplace()
    const overlay = await makeOverlay(place).catch((error) => {
      place.close()
      throw error
    })
    const boxAll = launchAll(place.root)
    const boxNone = launchNone(place.program)
    const rows = [
      { name: 'box all', includes: 'all of the configuration; disposal of group and handle', ...boxAll },
      { name: 'box none', includes: 'the program alone', ...boxNone },
      { name: 'floor all', includes: 'the same system calls, in Rust alone', ...startDriver(place.floor, [], { cwd: place.folder }) },
      {
        name: 'box overlay',
        includes: 'as box all, in an overlay of three layers with the ids of its user namespace, mounted before',
        ...launchIn(overlay.root),
      },
      {
        name: 'floor overlay',
        includes: 'the same system calls, in Rust alone',
        ...startDriver(place.floor, ['3'], { cwd: place.folder, descriptors: [overlay.root.fd] }),
      },
      { name: 'child_process none', includes: 'the program alone, by child_process.spawn', ...driveCommand(place.program) },
    ]
    for (const by of ['box', 'child_process']) {
      const large = startDriver(process.execPath, [join(here, 'launch/large.mjs'), String(largeMebibytes), by, place.program])
      rows.push({ name: `${by} large`, includes: `as ${by} none, from a Node with ${largeMebibytes} MiB of memory`, ...large })
    }
    const alone = 'namespaces alone: no root, no mounts, no filter'
    for (const [by, includes] of [
      ['box', 'as box all without groups, by an ordinary user with a range of ids'],
      ['unshare', `the same user, by unshare --map-auto: ${alone}`],
    ])
      rows.push({ name: `${by} rootless`, includes, ...driveRootless(place, by) })
    const fresh = driveCommand(process.execPath, join(here, 'launch/box.mjs'), place.root, '1')
    rows.push({ name: 'box fresh process', includes: 'as box all, with the start of Node and of the launcher', ...fresh })
    const { rows: peers, notes, versions } = peerRows(place)
    rows.push(...peers)
    return {
      rows,
      notes,
      versions,
      beside: () => besideText(place),
      close: async () => {
        for (const row of rows) await row.close()
        await overlay.close()
        place.close()
      },
    }
  },
}

function peerRows(place) {
  const [rows, notes, versions] = [[], [], {}]
  for (const [name, includes, drive] of [
    ['runc', 'all of the configuration; groups in every v1 hierarchy', ({ path }) => driveCommand(path, ...run(place))],
    ['crun', 'all of the configuration; in a mount namespace without the v2 hierarchy', ({ path }) => driveApart(path, ...run(place))],
    ['bwrap', 'no groups, no filter, no sysfs, one id mapped', ({ path }) => driveCommand(path, ...bwrapArguments(place.root))],
  ]) {
    const peer = findPeer(name)
    if (peer.missing !== undefined) notes.push(peer.missing)
    else {
      versions[name] = peer.version
      rows.push({ name: [name, 'all'].join(' '), includes, ...drive(peer) })
    }
  }
  return { rows, notes, versions }
}

function run({ folder }) {
  return ['--root', join(folder, 'state'), 'run', '--bundle', folder, '{}']
}

function bwrapArguments(root) {
  const mounts = ['--bind', root, '/', '--proc', '/proc', '--dev', '/dev', '--mqueue', '/dev/mqueue']
  return ['--unshare-all', '--hostname', 'box', ...mounts, '--cap-drop', 'ALL', '--clearenv', '/bin/true']
}

function besideText(place) {
  const floor = callsOfOneRound((rounds) => ({ program: place.floor, args: [], input: 'go\n'.repeat(rounds), cwd: place.folder }))
  const box = callsOfOneRound((rounds) => ({ program: process.execPath, args: [join(here, 'launch/box.mjs'), place.root, String(rounds)] }))
  const onlyFloor = [...floor.keys()].filter((name) => !box.has(name))
  const subset = onlyFloor.length === 0 ? 'the floor makes no call that ours does not' : `only the floor makes: ${onlyFloor.join(' ')}`
  return `${callTable(floor, box)}\n${subset}`
}
