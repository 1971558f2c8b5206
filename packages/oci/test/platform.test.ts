import type { Descriptor, Platform } from '@box/core'
import { digestOf } from '../src/digest.ts'
import { mediaTypes } from '../src/media-types.ts'
import { hostPlatform, parsePlatform, selectPlatform } from '../src/platform.ts'

function entry(text: string | undefined, extra: Partial<Platform> = {}): Descriptor {
  const platform = text === undefined ? undefined : parsePlatform(text)
  return {
    mediaType: mediaTypes.manifest,
    digest: digestOf(JSON.stringify([text, extra])),
    size: 1,
    ...(platform === undefined ? {} : { platform: { ...platform, ...extra } }),
  }
}

test.each<[string, string[], string | undefined]>([
  ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
  ['linux/amd64', ['linux/arm64', 'windows/amd64'], undefined],
  ['linux/amd64', ['linux/amd64/v3', 'linux/amd64'], 'linux/amd64'],
  ['linux/amd64', ['linux/amd64/v2'], undefined],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
  ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v3'],
  ['linux/arm64', ['linux/arm64/v8'], 'linux/arm64/v8'],
  ['linux/arm64/v8', ['linux/arm64'], 'linux/arm64'],
  ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
  ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
  ['linux/arm', ['linux/arm/v7'], 'linux/arm/v7'],
  ['linux/s390x', ['linux/s390x'], 'linux/s390x'],
  ['linux/amd64', ['unknown/unknown', 'linux/amd64'], 'linux/amd64'],
])('for %s, of %j it takes %s', (wanted, offered, best) => {
  const chosen = selectPlatform(
    offered.map((text) => entry(text)),
    parsePlatform(wanted),
  )
  expect(chosen?.digest).toBe(best === undefined ? undefined : entry(best).digest)
})

test('an entry without a platform is never taken', () => {
  expect(selectPlatform([entry(undefined)])).toBeUndefined()
})

test('among equals the first is taken', () => {
  const first = entry('linux/amd64', { 'os.features': ['a'] })
  const second = entry('linux/amd64', { 'os.features': ['b'] })
  expect(selectPlatform([first, second], { os: 'linux', architecture: 'amd64' })).toBe(first)
  expect(selectPlatform([first, second], { os: 'linux', architecture: 'amd64', 'os.features': ['b'] })).toBe(second)
})

test('another version of the system is not taken where a version was asked for', () => {
  const old = entry('windows/amd64', { 'os.version': '10.0.1' })
  const wanted = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.2' }
  expect(selectPlatform([old], wanted)).toBeUndefined()
  expect(selectPlatform([old, entry('windows/amd64', { 'os.version': '10.0.2' })], wanted)?.platform?.['os.version']).toBe('10.0.2')
})

test('this machine has a platform of Linux, by Go’s names', () => {
  expect(hostPlatform().os).toBe('linux')
  expect(['x64', 'ia32']).not.toContain(hostPlatform().architecture)
})

test.each(['', 'linux', 'linux/', 'linux/amd64/v1/x', 'Linux/amd64', 'linux amd64'])('%j is not a platform', (text) => {
  expect(parsePlatform(text)).toBeUndefined()
})
