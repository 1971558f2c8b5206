import { refuseUnknownOptions } from '@box/core'
import type { FeatureName } from '../features.ts'
import { type Landlock, type LandlockFileRight, landlockFileRights } from '../landlock.ts'
import { landlockOptions, landlockPathOptions } from '../option-names.ts'
import { absolute, invalid, whole } from './invalid.ts'
import type { LandlockStep } from './steps.ts'

const bind = 1n
const connect = 2n
const scopeBits = { abstractUnixSockets: 1n, signals: 2n } as const

/** The rights on files that the first version of landlock knows (Linux 5.13). */
export const firstFileRights = 0x1fffn

/** The step that restricts the process; undefined where nothing is left of it without what is denied. */
export function landlockStep(landlock: Landlock, denied: ReadonlySet<FeatureName>): LandlockStep | undefined {
  const step = wholeStep(landlock)
  if (!step.bestEffort) return step
  if (denied.has('landlock')) return undefined
  const files = denied.has('landlock-newer-rights') ? step.files & firstFileRights : step.files
  const network = denied.has('landlock-network') ? 0n : step.network
  const scopes = denied.has('landlock-scopes') ? 0n : step.scopes
  return (files | network | scopes) === 0n ? undefined : { ...step, files, network, scopes }
}

function wholeStep(landlock: Landlock): LandlockStep {
  refuseUnknownOptions('landlock', landlock, landlockOptions)
  const { files, bindTcp, connectTcp, scopes } = landlock
  for (const file of files ?? []) refuseUnknownOptions('landlock.files', file, landlockPathOptions)
  const ports = new Map<number, bigint>()
  const allow = (option: string, list: readonly number[] | undefined, right: bigint): void => {
    for (const port of list ?? []) ports.set(whole(option, port, 0, 0xffff), (ports.get(port) ?? 0n) | right)
  }
  allow('landlock.bindTcp', bindTcp, bind)
  allow('landlock.connectTcp', connectTcp, connect)
  return {
    do: 'landlock',
    bestEffort: landlock.bestEffort ?? false,
    files: files === undefined ? 0n : fileBits(landlockFileRights),
    network: (bindTcp === undefined ? 0n : bind) | (connectTcp === undefined ? 0n : connect),
    scopes: (scopes ?? []).reduce((bits, scope) => bits | scopeBit(scope), 0n),
    paths: (files ?? []).map(({ path, allow }) => [absolute('landlock.files.path', path), fileBits(allow)]),
    ports: [...ports],
  }
}

function fileBits(rights: readonly LandlockFileRight[]): bigint {
  if (rights === undefined) throw invalid('landlock.files.allow', rights, 'a list of rights')
  return rights.reduce((bits, right) => {
    const number = landlockFileRights.indexOf(right)
    if (number < 0) throw invalid('landlock.files.allow', right, `one of ${landlockFileRights.join(', ')}`)
    return bits | (1n << BigInt(number))
  }, 0n)
}

function scopeBit(scope: keyof typeof scopeBits): bigint {
  if (!Object.hasOwn(scopeBits, scope)) throw invalid('landlock.scopes', scope, `one of ${Object.keys(scopeBits).join(', ')}`)
  return scopeBits[scope]
}
