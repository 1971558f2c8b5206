import { BoxError, type Descriptor, type Digest } from '@box/core'
import { digestOf, mediaTypes, parseImageDocument, parseIndex, splitDigest } from '@box/oci'
import type { Exchange } from '../http/exchange.ts'
import { deleteManifest, getManifest, putManifest, type RawManifest } from './manifests.ts'
import type { Repository } from './repository.ts'

/** What is wrong with a manifest that came whole. */
const unreadable = new Set<string>(['ERR_BOX_DOCUMENT_INVALID', 'ERR_BOX_DIGEST_MISMATCH', 'ERR_BOX_LIMIT', 'ERR_BOX_UNSUPPORTED'])

/** Changes of such a tag read it and write it: one after the other. */
const turns = new WeakMap<Exchange, Promise<void>>()

/**
 * Puts a manifest. Where it names a subject and the registry does not say that it lists referrers itself, it is added to the tag that clients keep
 * in the place of that list (distribution-spec, "Pushing Manifests with Subject").
 */
export async function pushManifest(
  repository: Repository,
  reference: string,
  manifest: RawManifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { subject: listed } = await putManifest(repository, reference, manifest, signal)
  const found = referrerOf(manifest)
  if (found === undefined || listed !== undefined) return
  await inTurn(repository, async () => {
    const referrers = await taggedReferrers(repository, found.subject, signal)
    if (referrers.some(({ digest }) => digest === found.referrer.digest)) return
    await putReferrers(repository, found.subject, [...referrers, found.referrer], signal)
  })
}

/** Deletes a manifest, and its entry in the tag of its subject where there is one. */
export async function removeManifest(repository: Repository, digest: Digest, signal: AbortSignal | undefined): Promise<void> {
  const found = await readReferrer(repository, digest, signal)
  await deleteManifest(repository, digest, signal)
  if (found === undefined) return
  await inTurn(repository, async () => {
    const referrers = await taggedReferrers(repository, found.subject, signal)
    const left = referrers.filter((referrer) => referrer.digest !== digest)
    if (left.length < referrers.length) await putReferrers(repository, found.subject, left, signal)
  })
}

/** What the tag in the place of the list says (distribution-spec, "Referrers Tag Schema"). */
export async function taggedReferrers(
  repository: Repository,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const manifest = await getManifest(repository, tagOf(subject), signal)
  if (manifest === undefined || manifest.descriptor.mediaType !== mediaTypes.index) return []
  return parseIndex(manifest.bytes, { expected: manifest.descriptor }).value.manifests
}

async function putReferrers(
  repository: Repository,
  subject: Digest,
  manifests: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }))
  const descriptor = { mediaType: mediaTypes.index, digest: digestOf(bytes), size: bytes.length }
  await putManifest(repository, tagOf(subject), { descriptor, bytes }, signal)
}

function tagOf(subject: Digest): string {
  const { algorithm, encoded } = splitDigest(subject)
  return `${algorithm}-${encoded.slice(0, 64)}`
}

/** A manifest that cannot be read can be deleted nevertheless, and has no entry anywhere. */
async function readReferrer(
  repository: Repository,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<ReturnType<typeof referrerOf>> {
  try {
    const manifest = await getManifest(repository, digest, signal)
    return manifest === undefined ? undefined : referrerOf(manifest)
  } catch (thrown) {
    if (thrown instanceof BoxError && unreadable.has(thrown.code)) return undefined
    throw thrown
  }
}

/** The entry that a manifest with a subject has in a list of referrers. */
function referrerOf({ descriptor, bytes }: RawManifest): { readonly subject: Digest; readonly referrer: Descriptor } | undefined {
  const { kind, value } = parseImageDocument(bytes, { expected: descriptor })
  if (value.subject === undefined) return undefined
  const { mediaType, digest, size } = descriptor
  const artifactType = value.artifactType ?? (kind === 'manifest' ? value.config.mediaType : undefined)
  const referrer = {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(value.annotations === undefined ? {} : { annotations: value.annotations }),
  }
  return { subject: value.subject.digest, referrer }
}

async function inTurn(repository: Repository, work: () => Promise<void>): Promise<void> {
  const before = turns.get(repository.exchange) ?? Promise.resolve()
  const own = before.then(work)
  // Whose turn is next does not care how this one ended.
  turns.set(
    repository.exchange,
    own.catch(() => undefined),
  )
  await own
}
