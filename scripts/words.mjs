/** Words that no tracked file may hold: notes to come back, paths of the machine it was written on, hosts of package registries and mirrors. */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './repository.mjs'

// A bracket in each pattern keeps this file from being a find of its own.
const forbidden = [
  [/\b(?:TO[D]O|FIX[M]E)\b/, 'a note to come back'],
  [/(?<![\w.-])\/(?:wor[k]\/(?:main|wt|shared)\b|roo[t]\/\.(?:cargo|rustup|npm|cache)|tmp\/bash_job[s])/, 'a path of one machine'],
  [/registr[y]\.npmjs|index\.crate[s]\.io|static\.crate[s]\.io|proxy\.golan[g]\.org/, 'the host of a package registry'],
]
const exempt = [/^package-lock\.json$/, /^rust-native\/Cargo\.lock$/, /\.(?:node|png|gz|zst|tar|tgz)$/]

/** @returns one line for each find: file, line number, what, and the line's text */
export function findForbiddenWords() {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: repository, encoding: 'utf8' }).split('\0').filter(Boolean)
  return tracked.filter((file) => !exempt.some((pattern) => pattern.test(file))).flatMap(findsIn)
}

function findsIn(file) {
  const path = join(repository, file)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) =>
      forbidden.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${file}:${index + 1}: ${what}: ${line.trim().slice(0, 120)}`),
    )
}
