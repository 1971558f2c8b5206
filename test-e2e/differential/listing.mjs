/** What a tree holds, told by find, stat and getfattr: none of it by code under test. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const lines = (folder, script) =>
  execFileSync('sh', ['-ec', script], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] })

/**
 * @returns what is known of each path below the folder (and of itself, by the name ''): kind, mode, owner, size, time in nanoseconds, target, the
 * first of the names that are one file, device number, digest, attributes
 */
export function listTree(folder) {
  const entries = new Map()
  const inodes = new Map()
  const fields = lines(folder, String.raw`find . -printf '%P\0%y\0%m\0%U:%G\0%s\0%T@\0%l\0%i\0'`).split('\0')
  for (let at = 0; at + 8 <= fields.length; at += 8) {
    const [name, kind, mode, owner, size, time, target, inode] = fields.slice(at, at + 8)
    entries.set(name, { kind, mode, owner, size: kind === 'f' ? size : '', time: nanoseconds(time), target })
    if (kind !== 'd') inodes.set(inode, [...(inodes.get(inode) ?? []), name])
  }
  for (const names of inodes.values()) for (const name of names) entries.get(name).same = names.toSorted(byName)[0]
  for (const [name, entry] of entries)
    if (entry.kind === 'f')
      entry.digest = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')
  for (const line of lines(folder, String.raw`find . \( -type b -o -type c \) -print0 | xargs -0 -r stat --printf '%t:%T %n\0'`).split(
    '\0',
  ))
    if (line !== '') entries.get(line.slice(line.indexOf(' ') + 3)).device = line.slice(0, line.indexOf(' '))
  for (const { name, lines: attributes } of attributeBlocks(lines(folder, 'getfattr -Rhd -m - -e hex . 2>/dev/null')))
    entries.get(name.replace(/^\.$/, '')).xattrs = attributes.toSorted(byName)
  return entries
}

/** What getfattr says of files that have attributes: `name=value` each. */
export function attributeBlocks(text) {
  const blocks = text.split('\n\n').map((block) => block.split('\n').filter((line) => line !== ''))
  return blocks.flatMap(([head, ...found]) =>
    head === undefined ? [] : [{ name: unescaped(head.slice('# file: '.length)), lines: found }],
  )
}

export function byName(left, right) {
  return left < right ? -1 : Number(left > right)
}

/** find gives ten digits after the dot, of which the last is always 0. */
function nanoseconds(time) {
  const [seconds, fraction = ''] = time.split('.')
  return `${seconds}.${fraction.slice(0, 9).padEnd(9, '0')}`
}

/** getfattr writes some bytes of a name in octal digits. */
function unescaped(name) {
  const bytes = name.replaceAll(/\\(\d{3}|\\)/g, (_, digits) => (digits === '\\' ? '\\' : String.fromCodePoint(Number.parseInt(digits, 8))))
  return Buffer.from(bytes, bytes === name ? 'utf8' : 'latin1').toString('utf8')
}

/** @returns `path: property: one, other` for each difference that is not one of `known`: functions of the path, the property and both entries */
export function differences(ours, theirs, known = []) {
  const found = []
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one, other] = [ours.get(name), theirs.get(name)]
    if (one === undefined || other === undefined) {
      found.push(`${JSON.stringify(name)}: only ${one === undefined ? 'theirs' : 'ours'}`)
      continue
    }
    for (const property of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (String(one[property]) === String(other[property])) continue
      if (known.some((rule) => rule(name, property, one, other))) continue
      found.push(`${JSON.stringify(name)}: ${property}: ${one[property]}, ${other[property]}`)
    }
  }
  return found
}
