import type { Catalog, RegistryErrors, TagList } from '../generated/types.ts'
import { validateCatalog, validateRegistryErrors, validateTagList } from '../generated/validators.ts'
import { type Document, type Kind, type ParseOptions, parseDocument } from './parse.ts'

const mediaType = 'application/json'
const errorsKind: Kind<RegistryErrors> = { name: 'registry errors', validator: validateRegistryErrors, mediaType }
const tagsKind: Kind<TagList> = { name: 'tag list', validator: validateTagList, mediaType }
const catalogKind: Kind<Catalog> = { name: 'catalog', validator: validateCatalog, mediaType }

/** Reads the body of a registry's refusal (distribution-spec, "Error Codes"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseRegistryErrors(bytes: Uint8Array, options?: ParseOptions): Document<RegistryErrors> {
  return parseDocument(errorsKind, bytes, options)
}

/** Reads a page of a repository's tags (distribution-spec, "Listing Tags"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseTagList(bytes: Uint8Array, options?: ParseOptions): Document<TagList> {
  return parseDocument(tagsKind, bytes, options)
}

/** Reads a page of a registry's repositories. @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export function parseCatalog(bytes: Uint8Array, options?: ParseOptions): Document<Catalog> {
  return parseDocument(catalogKind, bytes, options)
}
