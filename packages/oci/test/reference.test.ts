import * as fc from 'fast-check'
import { BoxError } from '@box/core'
import { digestOf } from '../src/digest.ts'
import { familiarReference, formatReference, parseReference } from '../src/reference.ts'

const digest = digestOf('an image')

test.each([
  ['alpine', 'docker.io/library/alpine:latest'],
  ['alpine:3.20', 'docker.io/library/alpine:3.20'],
  ['grafana/loki', 'docker.io/grafana/loki:latest'],
  ['index.docker.io/alpine', 'docker.io/library/alpine:latest'],
  ['docker.io/library/alpine:3', 'docker.io/library/alpine:3'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['LocalHost:5000/app:V1', 'localhost:5000/app:V1'],
  ['127.0.0.1:5000/a/b/c:x', '127.0.0.1:5000/a/b/c:x'],
  ['[::1]:5000/a', '[::1]:5000/a:latest'],
  ['ghcr.io/a/b__c/d--e.f:_t', 'ghcr.io/a/b__c/d--e.f:_t'],
  [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
  [`alpine:3@${digest}`, `docker.io/library/alpine:3@${digest}`],
  ['Registry/app', 'Registry/app:latest'],
  ['Registry.example/app', 'registry.example/app:latest'],
])('%s means %s', (short, whole) => {
  expect(formatReference(parseReference(short))).toBe(whole)
})

test('a reference with a digest and no tag has no tag', () => {
  expect(parseReference(`a/b@${digest}`)).toEqual({ registry: 'docker.io', repository: 'a/b', digest })
})

test.each([
  '',
  ' alpine',
  'alpine ',
  'Alpine',
  'alpine:',
  'alpine:-x',
  `alpine:${'t'.repeat(129)}`,
  'alpine@',
  'alpine@sha256:abc',
  `alpine@${digest}@${digest}`,
  'a//b',
  '/a',
  'a/',
  'a/../b',
  'a/.b',
  'a_-b',
  'a___b',
  'host.example:99999/a',
  'host.example:0/a',
  'host.example:/a',
  'ho_st.example/a',
  '-host.example/a',
  'https://ghcr.io/a',
  'user@host.example/a',
  `ghcr.io/${'a/'.repeat(130)}a`,
  'f'.repeat(64),
  'ghcr.io/é',
])('%j is refused as a reference', (text) => {
  expect(() => parseReference(text)).toThrow(BoxError)
  expect(() => parseReference(text)).toThrow('is not an image reference')
})

test.each([
  ['docker.io/library/alpine:3', 'alpine:3'],
  ['docker.io/grafana/loki:1', 'grafana/loki:1'],
  ['docker.io/localhost/a:1', 'docker.io/localhost/a:1'],
  ['ghcr.io/a/b:1', 'ghcr.io/a/b:1'],
])('%s is written short as %s', (whole, short) => {
  expect(familiarReference(parseReference(whole))).toBe(short)
})

const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,2})[a-z0-9]{1,8}){0,2}$/)
const host = fc.stringMatching(/^[a-z0-9]{1,8}\.[a-z]{2,4}(?::[1-9][0-9]{0,3})?$/)
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)

test('every reference is read back from its whole and from its short text', () => {
  const references = fc.record(
    {
      registry: fc.oneof(host, fc.constant('docker.io')),
      repository: fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
      tag,
      digest: fc.uint8Array().map((bytes) => digestOf(bytes)),
    },
    { requiredKeys: ['registry', 'repository', 'tag'] },
  )
  fc.assert(
    fc.property(references, (reference) => {
      expect(parseReference(formatReference(reference))).toEqual(reference)
      expect(parseReference(familiarReference(reference))).toEqual(reference)
    }),
  )
})

test('any text is read or refused with a typed error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      try {
        const reference = parseReference(text)
        expect(parseReference(formatReference(reference))).toEqual(reference)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_BOX_REFERENCE_INVALID' })
      }
    }),
  )
})
