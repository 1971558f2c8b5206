import type * as core from '@box/core'
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DescriptorInSchema, PlatformInSchema } from '../src/generated/types.ts'
import { digestOf, DocumentError, mediaTypes, parseImageConfig, parseImageDocument, parseIndex, parseManifest } from '../src/index.ts'
import { badSamples, goodSamples, kinds, parsers } from './corpus.ts'

describe.each(kinds)('%s', (kind) => {
  test.each(goodSamples(kind).map((sample) => [sample.name, sample] as const))('%s is read, and its bytes are kept', (_, { bytes }) => {
    const document = parsers[kind](bytes)
    expect(document.bytes).toBe(bytes)
    expect(document.value).toEqual(JSON.parse(Buffer.from(bytes).toString()))
    expect(document.descriptor).toMatchObject({ digest: digestOf(bytes), size: bytes.byteLength })
  })

  test.each(badSamples(kind).map((sample) => [sample.name, sample] as const))(
    '%s is refused where it is wrong',
    (_, { bytes, pointer }) => {
      const refusal = catchError(() => parsers[kind](bytes))
      expect(refusal).toBeInstanceOf(DocumentError)
      expect(refusal).toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID', pointer })
    },
  )
})

function catchError(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

const config = { mediaType: mediaTypes.config, digest: digestOf('c'), size: 1 }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] }
const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }

describe('an error', () => {
  test('names the document, the place, the value and the rule', () => {
    const bytes = bytesOf({ ...manifest, config: { ...config, size: -7 } })
    expect(() => parseManifest(bytes)).toThrow('image manifest: /config/size is -7: must be >= 0')
  })

  test('does not print a long value whole', () => {
    const bytes = bytesOf({ ...manifest, config: { ...config, digest: 'x'.repeat(10_000) } })
    expect(String(catchError(() => parseManifest(bytes))).length).toBeLessThan(400)
  })
})

describe('what is said of a document from outside', () => {
  test('must be what it says itself', () => {
    expect(() => parseManifest(bytesOf(manifest), { mediaType: mediaTypes.dockerManifest })).toThrow('both said of it')
    expect(() => parseManifest(bytesOf(manifest), { mediaType: mediaTypes.index })).toThrow('another document')
    expect(() => parseIndex(bytesOf(index), { mediaType: mediaTypes.dockerIndex })).toThrow('both said of it')
    expect(parseManifest(bytesOf(manifest), { mediaType: mediaTypes.manifest }).descriptor.mediaType).toBe(mediaTypes.manifest)
  })

  test('counts where it says nothing itself', () => {
    const { mediaType: _, ...silent } = manifest
    expect(parseManifest(bytesOf(silent)).descriptor.mediaType).toBe(mediaTypes.manifest)
    expect(parseManifest(bytesOf(silent), { mediaType: mediaTypes.dockerManifest }).descriptor.mediaType).toBe(mediaTypes.dockerManifest)
  })

  test('size and digest must be those of the bytes, before they are read', () => {
    const bytes = bytesOf(manifest)
    const expected = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), size: bytes.byteLength }
    expect(parseManifest(bytes, { expected }).descriptor).toEqual(expected)
    expect(catchError(() => parseManifest(bytes, { expected: { ...expected, size: 3 } }))).toMatchObject({ code: 'ERR_BOX_SIZE_MISMATCH' })
    const other = { ...expected, digest: digestOf('x') }
    expect(catchError(() => parseManifest(bytes, { expected: other }))).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect(catchError(() => parseManifest(Buffer.from('{'.repeat(bytes.byteLength)), { expected }))).toMatchObject({
      code: 'ERR_BOX_DIGEST_MISMATCH',
    })
    const by512 = { ...expected, digest: digestOf(bytes, 'sha512') }
    expect(parseManifest(bytes, { expected: by512 }).descriptor).toEqual(by512)
  })

  test('an image configuration keeps a property named mediaType that is its own', () => {
    const bytes = bytesOf({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, mediaType: 'mine' })
    expect(parseImageConfig(bytes, { mediaType: mediaTypes.config }).descriptor.mediaType).toBe(mediaTypes.config)
  })
})

describe('parseImageDocument', () => {
  test('tells a manifest from an index by the media type that came with it, or its own, or its shape', () => {
    expect(parseImageDocument(bytesOf(manifest)).kind).toBe('manifest')
    expect(parseImageDocument(bytesOf(index)).kind).toBe('index')
    expect(parseImageDocument(bytesOf({ schemaVersion: 2, manifests: [] })).kind).toBe('index')
    expect(parseImageDocument(bytesOf({ schemaVersion: 2, manifests: [] }), { mediaType: mediaTypes.index }).kind).toBe('index')
    expect(parseImageDocument(bytesOf({ schemaVersion: 2, config, layers: [] })).kind).toBe('manifest')
  })

  test.each([
    [{ ...index, mediaType: mediaTypes.manifest }],
    [{ ...manifest, mediaType: mediaTypes.index }],
    [{ ...manifest, manifests: [] }],
    [{ ...manifest, ...index }],
    [{ schemaVersion: 2, config, layers: [], manifests: [] }],
  ])('a document that two readers could take for two things is refused: %j', (document) => {
    for (const mediaType of [undefined, mediaTypes.index, mediaTypes.manifest])
      expect(catchError(() => parseImageDocument(bytesOf(document), { mediaType }))).toBeInstanceOf(DocumentError)
  })
})

describe('the generated code', () => {
  test('is made again only where its inputs changed', () => {
    const generated = join(__dirname, '../src/generated')
    const times = (): readonly number[] => readdirSync(generated).map((name) => statSync(join(generated, name)).mtimeMs)
    const before = times()
    execFileSync(process.execPath, [join(__dirname, '../scripts/generate.mjs')])
    expect(times()).toEqual(before)
  })

  test('has the types that core declares for all packages', () => {
    // The compiler checks: each side takes the other. A digest is more than its schema can say in TypeScript.
    const descriptor = (value: Omit<DescriptorInSchema, 'platform'> & { platform?: PlatformInSchema }): core.Descriptor => value
    const schema = (value: core.Descriptor): DescriptorInSchema => value
    const platform = (value: PlatformInSchema): core.Platform => value
    const sample: core.Descriptor = { ...config, platform: { os: 'linux', architecture: 'amd64' } }
    expect(schema(descriptor(sample))).toBe(sample)
    expect(platform({ os: 'linux', architecture: 'amd64' })).toEqual({ os: 'linux', architecture: 'amd64' })
  })
})
