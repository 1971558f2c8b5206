import type { Digest } from '@box/core'
import { isDigest, isRepository, isTag } from '@box/oci'

/**
 * How repositories lie in one store of names. A name (in an image layout: the annotation `org.opencontainers.image.ref.name` of an entry
 * of index.json) is
 *
 * - `repository:tag` for a tag, `library/alpine:3`;
 * - `repository@digest` for a manifest that was pushed by its digest, or has lost its last tag;
 * - a tag alone, as skopeo and umoci write it, in the one repository that the option `repository` of `serve` names.
 *
 * Other names are left as they are and are not served. The blobs of a repository are those that its manifests lead to.
 */
export type Place =
  | { readonly repository: string; readonly tag: string; readonly digest?: undefined }
  | { readonly repository: string; readonly digest: Digest; readonly tag?: undefined }

/** Where in the registry a store's name belongs, or undefined where it has no place. */
export function placeOf(name: string, bareRepository: string | undefined): Place | undefined {
  const at = name.indexOf('@')
  if (at >= 0) {
    const repository = name.slice(0, at)
    const digest = name.slice(at + 1)
    return isRepository(repository) && isDigest(digest) ? { repository, digest } : undefined
  }
  const colon = name.lastIndexOf(':')
  if (colon >= 0) {
    const repository = name.slice(0, colon)
    const tag = name.slice(colon + 1)
    return isRepository(repository) && isTag(tag) ? { repository, tag } : undefined
  }
  return bareRepository !== undefined && isTag(name) ? { repository: bareRepository, tag: name } : undefined
}

/** The store's name for a tag. */
export function nameOfTag(repository: string, tag: string, bareRepository: string | undefined): string {
  return repository === bareRepository ? tag : `${repository}:${tag}`
}

/** The store's name for a manifest without a tag. */
export function nameOfDigest(repository: string, digest: Digest): string {
  return `${repository}@${digest}`
}
