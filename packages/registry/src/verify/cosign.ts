import { BoxError, refuseUnknownOptions, type Descriptor, type Digest } from '@box/core'
import { parseReference, splitDigest } from '@box/oci'
import { createPublicKey, KeyObject, verify } from 'node:crypto'
import { cosignOptions } from '../option-names.ts'
import type { Policy, PolicyRegistry } from '../transfer/origins.ts'
import { parseClaim, payloadLimit, type SignedClaim } from './payload.ts'

export interface CosignOptions {
  /** Public keys (PEM or KeyObject), one of which must have signed: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least 2,048 bits. */
  readonly keys: readonly (string | Buffer | KeyObject)[]
  /**
   * The repository that the signature must be for. Default: the one that the image is asked for by. An image that was copied with its signatures
   * keeps the repository that it was signed in: name that one.
   */
  readonly identity?: string
  /** What the signer must have said beside (`cosign sign -a team=core`). Default: nothing. */
  readonly annotations?: Readonly<Record<string, string>>
}

const signatureType = 'application/vnd.dev.cosign.simplesigning.v1+json'
const signatureAnnotation = 'dev.cosignproject.cosign/signature'

/** The most signatures of an image that are looked at. */
const signatureLimit = 64

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/**
 * A policy that lets an image pass only where one of the keys has signed it with cosign (cosign, "SIGNATURE_SPEC": the tag `sha256-….sig`
 * beside the image, claims in the simple signing format). The claim must be of the image's own digest, for its repository, and say what
 * `annotations` asks for. For an index the signature of the index counts: its images are bound to it by their digests.
 *
 * The policy throws `ERR_BOX_SIGNATURE_INVALID` where no signature does.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for no keys, and for keys that are not public keys of these kinds.
 */
export function cosignPolicy(options: CosignOptions): Policy {
  refuseUnknownOptions('cosignPolicy', options, cosignOptions)
  const keys = options.keys.map(publicKey)
  if (keys.length === 0) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'cosignPolicy takes at least one key')
  const identity = options.identity === undefined ? undefined : repositoryOf(options.identity)
  const wanted = Object.entries(options.annotations ?? {})
  return async ({ reference, descriptor }, { registry, signal }) => {
    const reading = signal === undefined ? {} : { signal }
    const expected = identity ?? repositoryOf(reference)
    const reasons = new Set<string>()
    for (const signature of await signaturesOf(reference, descriptor.digest, registry, reading)) {
      const outcome = await check(signature, descriptor.digest, expected, wanted, keys, () =>
        payloadOf(reference, signature, registry, reading),
      )
      if (outcome === undefined) return
      reasons.add(outcome)
    }
    throw new BoxError(
      'ERR_BOX_SIGNATURE_INVALID',
      `${reference} (${descriptor.digest}): ${[...reasons].join('; ') || 'it has no signature'}`,
    )
  }
}

type Reading = { readonly signal?: AbortSignal }

/** Undefined where the signature holds, else the reason why not. */
async function check(
  signature: Descriptor,
  digest: Digest,
  identity: string,
  annotations: readonly (readonly [string, string])[],
  keys: readonly KeyObject[],
  read: () => Promise<Uint8Array>,
): Promise<string | undefined> {
  const encoded = signature.annotations?.[signatureAnnotation]
  if (signature.mediaType !== signatureType || encoded === undefined) return 'it has what is no signature of this kind'
  if (signature.size > payloadLimit) return `a claim is longer than ${payloadLimit} bytes`
  const payload = await read()
  // First of all: nothing of a claim is looked at that nobody trusted has signed.
  if (!keys.some((key) => holds(key, payload, Buffer.from(encoded, 'base64')))) return 'no key that is trusted has signed it'
  return refusalOf(claimOf(payload), digest, identity, annotations)
}

function refusalOf(
  claim: SignedClaim | undefined,
  digest: Digest,
  identity: string,
  annotations: readonly (readonly [string, string])[],
): string | undefined {
  if (claim === undefined) return 'what was signed is not a claim about an image'
  if (claim.digest !== digest) return 'the signature is of another image'
  if (sameRepository(claim.identity) !== identity)
    return `it was signed for ${JSON.stringify(claim.identity.slice(0, 256))}, not for ${identity}`
  const missing = annotations.find(([name, value]) => !Object.hasOwn(claim.annotations, name) || claim.annotations[name] !== value)
  return missing === undefined ? undefined : `the signer did not say ${missing.join('=')}`
}

function holds(key: KeyObject, payload: Uint8Array, signature: Buffer): boolean {
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, key, signature)
  } catch {
    // A signature that is none of this key's kind.
    return false
  }
}

async function signaturesOf(reference: string, digest: Digest, registry: PolicyRegistry, reading: Reading): Promise<readonly Descriptor[]> {
  const { algorithm, encoded } = splitDigest(digest)
  try {
    const { kind, value } = await registry.manifest(`${repositoryOf(reference)}:${algorithm}-${encoded}.sig`, reading)
    return kind === 'manifest' ? value.layers.slice(0, signatureLimit) : []
  } catch (thrown) {
    if (thrown instanceof BoxError && thrown.code === 'ERR_BOX_NOT_FOUND') return []
    throw thrown
  }
}

async function payloadOf(reference: string, { digest, size }: Descriptor, registry: PolicyRegistry, reading: Reading): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let received = 0
  for await (const chunk of registry.blob(repositoryOf(reference), digest, reading)) {
    received += chunk.length
    if (received > size)
      throw new BoxError('ERR_BOX_SIZE_MISMATCH', `the claim ${digest} is longer than the ${size} bytes of its descriptor`)
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks)
}

function claimOf(payload: Uint8Array): SignedClaim | undefined {
  try {
    return parseClaim(payload)
  } catch (thrown) {
    if (thrown instanceof BoxError) return undefined
    throw thrown
  }
}

/** Registry and repository. */
function repositoryOf(reference: string): string {
  const { registry, repository } = parseReference(reference)
  return `${registry}/${repository}`
}

/** The same of a claim's text, which may be anything. */
function sameRepository(text: string): string | undefined {
  try {
    return repositoryOf(text)
  } catch {
    return undefined
  }
}

function publicKey(given: string | Buffer | KeyObject): KeyObject {
  const key = given instanceof KeyObject ? given : readKey(given)
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details, type } = key
  const fits =
    kind === 'ed25519' ||
    (kind === 'ec' && curves.has(details?.namedCurve ?? '')) ||
    (kind === 'rsa' && (details?.modulusLength ?? 0) >= 2048)
  if (type === 'public' && fits) return key
  throw new BoxError(
    'ERR_BOX_INVALID_ARGUMENT',
    'a key of cosignPolicy is a public key: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least 2,048 bits',
  )
}

function readKey(pem: string | Buffer): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'a key of cosignPolicy is not a public key in PEM', { cause: error })
  }
}
