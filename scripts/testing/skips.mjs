/**
 * Which tests may be skipped, and why: scripts/skips.json. A skip that is not in the list is a failure; under CI so is one whose probe says that what
 * the test needs is there.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../repository.mjs'

/** @returns a function from a skipped test to { reason, problem? } */
export function skipRules(file = join(repository, 'scripts/skips.json'), ci = Boolean(process.env.CI)) {
  const rules = JSON.parse(readFileSync(file, 'utf8'))
  const there = new Map()
  return ({ name, reason }) => {
    const rule = rules.find(({ pattern }) => new RegExp(pattern).test(name))
    if (rule === undefined) return { reason: reason ?? 'no reason given', problem: 'this skip is not in scripts/skips.json' }
    const said = reason ?? rule.reason
    if (!there.has(rule)) there.set(rule, ci && isThere(rule.probe))
    return there.get(rule)
      ? { reason: said, problem: `skipped although what it needs is there (${rule.probe.join(' ')})` }
      : { reason: said }
  }
}

function isThere([command, ...args]) {
  return spawnSync(command, args, { cwd: repository, stdio: 'ignore', timeout: 20_000 }).status === 0
}
