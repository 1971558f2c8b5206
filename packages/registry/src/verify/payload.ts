import { BoxError } from '@box/core'
import { readJson } from '@box/oci'

/** What a signature says, by the simple signing format (containers/image, "atomic-signature" and cosign, "SIGNATURE_SPEC"). */
export interface SignedClaim {
  /** The repository that the signer signed for, as written: `registry.example/team/app`. */
  readonly identity: string
  /** The digest of the manifest or index that was signed. */
  readonly digest: string
  /** What the signer said beside that. Data: nothing of it has been checked. */
  readonly annotations: Readonly<Record<string, unknown>>
}

/** The longest payload that is read, in bytes. */
export const payloadLimit: number = 1024 * 1024

/** Reads a payload strictly. Its bytes count only when the signature over them holds. @throws BoxError `ERR_BOX_DOCUMENT_INVALID`. */
export function parseClaim(bytes: Uint8Array): SignedClaim {
  const document = fieldsOf(readJson('signed claim', bytes, { maxBytes: payloadLimit }))
  const critical = fieldsOf(document.get('critical'))
  const identity = fieldsOf(critical.get('identity')).get('docker-reference')
  const digest = fieldsOf(critical.get('image')).get('docker-manifest-digest')
  if (critical.get('type') !== 'cosign container image signature' || typeof identity !== 'string' || typeof digest !== 'string')
    throw new BoxError('ERR_BOX_DOCUMENT_INVALID', 'the signed payload is not the claim of a container image signature')
  return { identity, digest, annotations: Object.fromEntries(fieldsOf(document.get('optional'))) }
}

function fieldsOf(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [])
}
