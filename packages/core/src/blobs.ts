/** How a registry client, a layout folder and a layer store exchange content. */

/** A digest as the image specification writes it (descriptor.md, "Digests"): an algorithm and lower-case hexadecimal digits. */
export type Digest = `${'sha256' | 'sha512'}:${string}`

/** What is known of a blob before its bytes are there (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly data?: string
  readonly artifactType?: string
  readonly platform?: Platform
}

/** The platform that an image runs on (image-spec, image-index.md). */
export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
  readonly variant?: string
}

/** A part of a blob: from `start` (the first byte is 0) up to and without `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/** Where blobs are read from. */
export interface BlobSource {
  /** The blob's size, or undefined where it is not there. */
  stat(digest: Digest, options?: { readonly signal?: AbortSignal }): Promise<{ readonly size: number } | undefined>
  /**
   * The blob's bytes. The chunks are the reader's: their memory is not used again. `verify: false` is for who checks the digest himself: a source that
   * would check it, too, may leave that out. Default: true.
   * @throws BoxError `ERR_BOX_BLOB_ABSENT` (at the first step of the iteration).
   */
  read(
    digest: Digest,
    options?: { readonly range?: ByteRange; readonly signal?: AbortSignal; readonly verify?: boolean },
  ): AsyncIterable<Uint8Array>
}

/** Where blobs are written to. The sink checks size and digest; nothing is visible before both hold. */
export interface BlobSink extends BlobSource {
  /**
   * Begins to receive a blob. `signal` ends a write as `abort()` does.
   * The sink answers `present` where it has the blob, and `busy` where another writer is receiving it: wait for `released`, then ask again.
   */
  ingest(descriptor: Descriptor, options?: { readonly signal?: AbortSignal }): Promise<Ingest>
}

export type Ingest = { readonly state: 'present' } | { readonly state: 'busy'; readonly released: Promise<void> } | BlobWriter

export interface BlobWriter {
  readonly state: 'writing'
  /** How many bytes the sink holds already, from an earlier try: the first byte to be written is this one. */
  readonly offset: number
  /** Gives the next bytes. Resolves when the sink takes more: waiting for it is the back-pressure. The chunk may be reused afterwards. */
  write(chunk: Uint8Array): Promise<void>
  /** Forgets what an earlier try left; `offset` 0 is the next byte. For a source that cannot begin in the middle. */
  restart(): Promise<void>
  /** Ends the blob. @throws BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`, or what is wrong inside the blob. */
  commit(): Promise<void>
  /** Gives up. What was written is kept where the sink can resume from it, and is not visible. */
  abort(): Promise<void>
}

/** A source of blobs that knows images by name. */
export interface ImageSource extends BlobSource {
  /** The manifest or index of that name (a tag, or a whole reference: the source says which), or undefined. */
  resolve(name: string, options?: { readonly signal?: AbortSignal }): Promise<Descriptor | undefined>
}

/** A sink of blobs that keeps images by name. */
export interface ImageSink extends BlobSink, ImageSource {
  /** Gives the name to a manifest or index whose blobs are all there. @throws BoxError `ERR_BOX_BLOB_ABSENT`. */
  tag(name: string, descriptor: Descriptor): Promise<void>
}
