/** How many system calls one run makes, by strace -c: two runs that differ in their number of rounds only, so that what starting costs falls out. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [few, many] = [5, 15]

/** The same call in another form: which one a program makes is its library's choice. */
const otherForms = { mkdirat: 'mkdir', open: 'openat', unlinkat: 'rmdir' }

/** @param command (rounds) => { program, args, input?, cwd? } @returns a Map from a call's name to how often one round makes it */
export function callsOfOneRound(command) {
  const [less, more] = [few, many].map((rounds) => callsOf(command(rounds)))
  const counts = [...more].map(([name, count]) => [name, (count - (less.get(name) ?? 0)) / (many - few)])
  return new Map(counts.filter(([, count]) => count >= 0.5))
}

/** The two columns beside each other, and the calls that the floor makes and ours does not. */
export function callTable(floor, ours) {
  const names = [...new Set([...floor.keys(), ...ours.keys()])].toSorted((a, b) => (ours.get(b) ?? 0) - (ours.get(a) ?? 0))
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => `${name.padEnd(width)}  ${cell(floor.get(name))}  ${cell(ours.get(name))}`)
  return [`${'calls a launch'.padEnd(width)}  ${'floor'.padStart(7)}  ${'box'.padStart(7)}`, ...lines].join('\n')
}

function cell(count) {
  return (count === undefined ? '' : count.toFixed(1)).padStart(7)
}

function callsOf({ program, args, input, cwd }) {
  const folder = mkdtempSync(join(tmpdir(), 'box-strace-'))
  try {
    const file = join(folder, 'calls')
    const { status, stderr, error } = spawnSync('strace', ['-f', '-qq', '-c', '-o', file, program, ...args], {
      input,
      cwd,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`strace of ${program} ended with ${status}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`)
    const counts = new Map()
    for (const [name, count] of readFileSync(file, 'utf8').split('\n').flatMap(parseLine)) counts.set(name, (counts.get(name) ?? 0) + count)
    return counts
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `% time  seconds  usecs/call  calls  [errors]  syscall` */
function parseLine(line) {
  const parts = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$/.exec(line)
  return parts === null || parts[2] === 'total' ? [] : [[otherForms[parts[2]] ?? parts[2], Number(parts[1])]]
}
