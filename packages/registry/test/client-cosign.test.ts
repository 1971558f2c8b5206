import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { cosignPolicy, layout, Registry, type CosignOptions } from '../src/index.ts'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 2, delay: 1, maxDelay: 5 }
const kinds: Record<string, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  'ECDSA P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  'RSA 2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
}
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signatureType = 'application/vnd.dev.cosign.simplesigning.v1+json'
let server: TestRegistry

beforeEach(async () => {
  server = await TestRegistry.start()
})

afterEach(async () => {
  await server.close()
})

interface Claim {
  readonly identity?: string
  readonly digest?: string
  readonly type?: string
  readonly optional?: Readonly<Record<string, string>>
}

/** The bytes that cosign signs. */
function payload(image: { digest: string }, claim: Claim = {}): Buffer {
  const { identity = `${server.host}/app`, digest = image.digest, type = 'cosign container image signature', optional = null } = claim
  const critical = { identity: { 'docker-reference': identity }, image: { 'docker-manifest-digest': digest }, type }
  return Buffer.from(JSON.stringify({ critical, optional }))
}

/** Puts signatures beside the image as cosign does. */
function addSignatures(image: { digest: string }, signatures: readonly { readonly bytes: Buffer; readonly signature: Buffer }[]): void {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const config = { ...server.addBlob(Buffer.from('{}')), mediaType: 'application/vnd.oci.image.config.v1+json' }
  const layers = signatures.map(({ bytes, signature }) => ({
    ...server.addBlob(bytes),
    mediaType: signatureType,
    annotations: { 'dev.cosignproject.cosign/signature': signature.toString('base64') },
  }))
  server.addManifest('app', `${image.digest.replace(':', '-')}.sig`, { schemaVersion: 2, mediaType, config, layers }, mediaType)
}

function signed(bytes: Buffer, key: KeyObject = pair.privateKey): { bytes: Buffer; signature: Buffer } {
  return { bytes, signature: sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', bytes, key) }
}

async function pull(options: CosignOptions): Promise<Memory> {
  const registry = new Registry({ retry, policy: cosignPolicy(options) })
  const sink = new Memory()
  try {
    await registry.pull(server.reference('app:v1'), sink)
    return sink
  } finally {
    await registry.close()
  }
}

test.each(Object.keys(kinds))('an image that a key signed is pulled: %s', async (kind) => {
  const image = server.addImage('app', 'v1', [Buffer.from('layer')])
  const { publicKey, privateKey } = kinds[kind]?.() ?? pair
  addSignatures(image, [signed(payload(image), privateKey)])
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const sink = await pull({ keys: [pem] })
  expect([...sink.names.keys()]).toEqual([server.reference('app:v1')])
})

test('one signature of one key that is trusted is enough, whatever else there is', async () => {
  const image = server.addImage('app', 'v1', [])
  const wrong = { bytes: Buffer.from('no JSON'), signature: Buffer.from('no signature') }
  addSignatures(image, [wrong, signed(payload(image), other.privateKey), signed(payload(image))])
  await pull({ keys: [generateKeyPairSync('ed25519').publicKey, pair.publicKey] })
})

test('what the signer said beside is asked for', async () => {
  const image = server.addImage('app', 'v1', [])
  addSignatures(image, [signed(payload(image, { optional: { team: 'core' } }))])
  await pull({ keys: [pair.publicKey], annotations: { team: 'core' } })
  for (const annotations of [{ team: 'other' }, { team: 'core', stage: 'prod' }, { constructor: 'x' }])
    await expect(pull({ keys: [pair.publicKey], annotations })).rejects.toMatchObject({ code: 'ERR_BOX_SIGNATURE_INVALID' })
})

describe('nothing of an image is used', () => {
  const refused = async (options: CosignOptions, reason: string): Promise<void> => {
    await expect(pull(options)).rejects.toMatchObject({ code: 'ERR_BOX_SIGNATURE_INVALID', message: expect.stringContaining(reason) })
    const image = server.manifests.get('app:v1')
    const layers: { layers: { digest: string }[] } = JSON.parse(image?.bytes.toString() ?? '')
    for (const { digest } of layers.layers) expect(server.count('GET', new RegExp(digest))).toBe(0)
  }

  test('that nobody signed', async () => {
    server.addImage('app', 'v1', [Buffer.from('layer')])
    await refused({ keys: [pair.publicKey] }, 'no signature')
  })

  test('that someone else signed', async () => {
    const image = server.addImage('app', 'v1', [Buffer.from('layer')])
    addSignatures(image, [signed(payload(image), other.privateKey)])
    await refused({ keys: [pair.publicKey] }, 'no key that is trusted')
  })

  test('whose signature is another image’s', async () => {
    const image = server.addImage('app', 'v1', [Buffer.from('layer')])
    addSignatures(image, [signed(payload(image, { digest: sha256(Buffer.from('another')) }))])
    await refused({ keys: [pair.publicKey] }, 'another image')
  })

  test('that was signed for another repository, unless that one is asked for', async () => {
    const image = server.addImage('app', 'v1', [Buffer.from('layer')])
    addSignatures(image, [signed(payload(image, { identity: 'registry.example/team/app' }))])
    await refused({ keys: [pair.publicKey] }, 'registry.example/team/app')
    await pull({ keys: [pair.publicKey], identity: 'registry.example/team/app' })
  })

  test('whose claim is of another kind, is changed, or says a thing twice', async () => {
    const image = server.addImage('app', 'v1', [Buffer.from('layer')])
    const original = payload(image)
    const changed = Buffer.from(original.toString().replace('/app', '/ape'))
    const twice = Buffer.from(original.toString().replace('"optional":null', '"optional":null,"critical":{}'))
    addSignatures(image, [
      signed(payload(image, { type: 'atomic container signature' })),
      { bytes: changed, signature: signed(original).signature },
      signed(twice),
      { ...signed(original), bytes: Buffer.from('{}') },
    ])
    await refused({ keys: [pair.publicKey] }, 'not a claim')
  })
})

test('a registry that fails is not one without signatures', async () => {
  server.addImage('app', 'v1', [])
  server.intercept = (request, response) => {
    if (!(request.url ?? '').endsWith('.sig')) return false
    response.writeHead(403).end()
    return true
  }
  await expect(pull({ keys: [pair.publicKey] })).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED' })
})

test('keys that cannot verify are refused at once', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  for (const key of [pair.privateKey, weak.publicKey, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey, 'no key'])
    expect(() => cosignPolicy({ keys: [key] })).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
  expect(() => cosignPolicy({ keys: [] })).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('signatures are copied as any image, and hold where their repository is named', async () => {
  const image = server.addImage('app', 'v1', [Buffer.from('layer')])
  addSignatures(image, [signed(payload(image))])
  const folder = await mkdtemp(join(tmpdir(), 'box-test-cosign-'))
  const target = await TestRegistry.start()
  const plain = new Registry({ retry })
  try {
    const tag = `${image.digest.replace(':', '-')}.sig`
    await plain.copy(server.reference('app:v1'), `${target.host}/copy:v1`)
    await plain.copy(server.reference(`app:${tag}`), `${target.host}/copy:${tag}`)
    const strict = new Registry({ retry, policy: cosignPolicy({ keys: [pair.publicKey], identity: `${server.host}/app` }) })
    await strict.pull(`${target.host}/copy:v1`, layout(folder))
    await strict.close()
    expect(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).toMatchObject({ manifests: [{ digest: image.digest }] })
  } finally {
    await plain.close()
    await target.close()
    await rm(folder, { recursive: true })
  }
})
