import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findLeaks, takeSnapshot } from '../testing/leaks.mjs'

export async function testLeaks(tally) {
  const temporary = mkdtempSync(join(tmpdir(), 'box-leaks-'))
  const run = { marker: `BOX_TEST_RUN=leaks-${process.pid}`, temporary }
  const before = takeSnapshot(run)
  const finds = async (pattern) => assert.ok((await findLeaks(before, run)).some((line) => pattern.test(line)))
  await tally.test('leaks: a file of the run is found', async () => {
    writeFileSync(join(temporary, 'left'), '')
    await finds(/^file .*\/left$/)
    rmSync(join(temporary, 'left'))
  })
  await tally.test('leaks: a process of the run is found, whatever group it is in', async () => {
    const [name, value] = run.marker.split('=')
    const child = spawn('sleep', ['1000'], { detached: true, env: { ...process.env, [name]: value } })
    await finds(new RegExp(`^process ${child.pid} `))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  })
  await testAsRoot(tally, temporary, finds)
  rmSync(temporary, { recursive: true })
}

async function testAsRoot(tally, temporary, finds) {
  if (process.getuid?.() !== 0) {
    tally.skip('leaks: mounts and groups needs root', 'needs root')
    return
  }
  await tally.test('leaks: a mount is found', async () => {
    const folder = join(temporary, 'mount')
    mkdirSync(folder)
    execFileSync('mount', ['-t', 'tmpfs', 'leak', folder])
    try {
      await finds(/^mount .*\/mount$/)
    } finally {
      execFileSync('umount', [folder])
      rmdirSync(folder)
    }
  })
  await tally.test('leaks: a group is found', async () => {
    const hierarchy = execFileSync('findmnt', ['-n', '-o', 'TARGET', '-t', 'cgroup2'], { encoding: 'utf8' }).split('\n')[0]
    const group = join(hierarchy, `box-test-leaks-${process.pid}`)
    mkdirSync(group)
    try {
      await finds(/^cgroup .*\/box-test-leaks-/)
    } finally {
      rmdirSync(group)
    }
  })
}
