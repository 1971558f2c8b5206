import {
  abortable,
  BoxError,
  type ByteRange,
  type Descriptor,
  type Digest,
  type ImageSink,
  type ImageSource,
  type Platform,
  refuseUnknownOptions,
  type Task,
} from '@box/core'
import { hostPlatform, parseDigest, parseImageDocument, parseReference, selectPlatform, type ImageDocument, type Reference } from '@box/oci'
import { Authorizer } from './auth/authorizer.ts'
import { providerOf, type Auth, type CredentialProvider } from './auth/credentials.ts'
import { readVerified } from './client/content.ts'
import { listRepositories } from './client/catalog.ts'
import { deleteManifest, getManifest } from './client/manifests.ts'
import { listReferrers } from './client/referrers.ts'
import { removeManifest } from './client/referrers-tag.ts'
import { Repository } from './client/repository.ts'
import { listTags } from './client/tags.ts'
import type { Certificates } from './egress/connector.ts'
import { ambiguous, checkShortNames, meaningsOf, type ShortNames } from './config/short-names.ts'
import { insecureHosts, matchRule, type RegistryRule, type RuleMatch } from './config/registry-rules.ts'
import { Egress, type EgressOptions } from './egress/egress.ts'
import type { Proxy } from './egress/proxy.ts'
import { Exchange } from './http/exchange.ts'
import { RetryPolicy, type RetryOptions } from './http/retry.ts'
import { egressOptions, registryOptions, retryOptions, shortNamesOptions } from './option-names.ts'
import { artifactSource, type Artifact } from './transfer/artifact.ts'
import { copyBetween, type CopyFrom, type CopyOptions, type CopyTo, type Located, type Places } from './transfer/copy.ts'
import type { TransferEvent } from './transfer/events.ts'
import { KeptUploads } from './transfer/kept-uploads.ts'
import { MirroredOrigin, type Mirrors } from './transfer/mirrors.ts'
import type { Origin } from './transfer/origin.ts'
import { RegistryLimits } from './transfer/registry-limits.ts'
import { SearchedOrigin } from './transfer/searched.ts'
import { RepositoryOrigin, type BoundPolicy, type Policy, type PolicyRegistry } from './transfer/origins.ts'

export interface RegistryOptions {
  /** Credentials by registry, or what finds them. Default: none; nothing on the disk is read unless `dockerConfig()` or its like is given. */
  readonly auth?: Auth
  /** By registry, the authorities and the client certificate to use. */
  readonly certs?: Readonly<Record<string, Certificates>>
  /** Registries (`host` or `host:port`) that are spoken to over plain HTTP. Those on this machine's loopback are anyway. */
  readonly insecure?: readonly string[]
  /** By registry, the places to read from first. What is written goes to the registry itself. */
  readonly mirrors?: Mirrors
  /** What is said of registries, namespaces and images by their prefix, as `registriesConf()` reads it: locations, mirrors, plain HTTP, and what is blocked. */
  readonly rules?: readonly RegistryRule[]
  /** What names without a registry mean, as `shortNamesConf()` reads it: aliases, and registries to look for them in. Default: they are Docker's. */
  readonly shortNames?: ShortNames
  /** The HTTP proxy to go through: its URL, a function of the address, or `proxyFromEnvironment()`. Default: none. */
  readonly proxy?: Proxy
  /** Where a registry may lead to. */
  readonly egress?: EgressOptions
  /** How often what failed for the moment is tried again. */
  readonly retry?: RetryOptions
  /**
   * A folder of its own, for the addresses of unfinished uploads: a push that is started again goes on where the registry is, for a day. Default: none,
   * and such a push begins its unfinished blobs anew.
   */
  readonly uploads?: string
  /** How many blobs of all transfers of this client are on the way at a time from or to one registry. Default 8. */
  readonly perRegistry?: number
  /** Called with each image of a registry before anything of it is used; it refuses by throwing. */
  readonly policy?: Policy
}

export interface ImageOptions {
  /** The platform to pick from an index. */
  readonly platform?: Platform
  readonly signal?: AbortSignal
}

/**
 * A client of OCI registries (distribution-spec 1.1). One object speaks to any number of them and keeps their connections and tokens.
 * A reference is written as for Docker: `alpine:3`, `ghcr.io/owner/name@sha256:…`.
 */
export class Registry {
  readonly #egress: Egress
  readonly #provider: CredentialProvider
  readonly #retry: RetryPolicy
  readonly #policy: BoundPolicy | undefined
  readonly #mirrors: Mirrors
  readonly #rules: readonly RegistryRule[]
  readonly #shortNames: ShortNames | undefined
  readonly #uploads: KeptUploads | undefined
  readonly #limits: RegistryLimits
  readonly #exchanges = new Map<string, Exchange>()
  #closed = false

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
  constructor(options: RegistryOptions = {}) {
    refuseUnknownOptions('Registry', options, registryOptions)
    refuseUnknownOptions('egress', options.egress ?? {}, egressOptions)
    refuseUnknownOptions('retry', options.retry ?? {}, retryOptions)
    refuseUnknownOptions('shortNames', options.shortNames ?? {}, shortNamesOptions)
    checkShortNames(options.shortNames ?? {})
    this.#rules = options.rules ?? []
    this.#shortNames = options.shortNames
    this.#egress = new Egress(options.egress ?? {}, insecureBy(options.insecure ?? [], this.#rules), options.certs ?? {}, options.proxy)
    this.#provider = providerOf(options.auth)
    this.#retry = new RetryPolicy(options.retry)
    this.#policy = this.#bound(options.policy)
    this.#mirrors = options.mirrors ?? {}
    const { perRegistry = 8 } = options
    if (!Number.isInteger(perRegistry) || perRegistry < 1)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'perRegistry is a whole number from 1 on')
    this.#limits = new RegistryLimits(perRegistry)
    this.#uploads = options.uploads === undefined ? undefined : new KeptUploads(options.uploads)
  }

  /**
   * What a reference stands for; with `platform`, the manifest of that platform where it is an index.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_REFERENCE_INVALID`, `ERR_BOX_REGISTRY…`, `ERR_BOX_EGRESS_DENIED`.
   */
  async resolve(reference: string, options: ImageOptions = {}): Promise<Descriptor> {
    return (await this.manifest(reference, options)).descriptor
  }

  /** The manifest or index that a reference stands for, with its bytes as they are. Errors as for `resolve`, and `ERR_BOX_DOCUMENT_INVALID`. */
  async manifest(reference: string, options: ImageOptions = {}): Promise<ImageDocument> {
    return await this.#manifest(reference, options, this.#policy)
  }

  async #manifest(reference: string, options: ImageOptions, policy: BoundPolicy | undefined): Promise<ImageDocument> {
    const places = this.#places(reference)
    const [{ name }] = places
    const { platform } = options
    const signal = options.signal ?? new AbortController().signal
    const origin = this.#originOf(places, policy)
    const found = await origin.resolve(name, signal)
    if (found === undefined) throw absent(origin.name, name)
    const document = parseImageDocument(await origin.document(found, signal), { expected: found })
    if (platform === undefined || document.kind === 'manifest') return document
    const chosen = selectPlatform(document.value.manifests, platform)
    if (chosen === undefined)
      throw new BoxError('ERR_BOX_NOT_FOUND', `${reference} has no image for ${platform.os}/${platform.architecture}`)
    return parseImageDocument(await origin.document(chosen, signal), { expected: chosen })
  }

  /**
   * The bytes of a blob of the reference's repository, checked while they come: the last step throws where the digest is wrong.
   * A part (`range`) cannot be checked.
   * @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_SIZE_MISMATCH`; as for `resolve`.
   */
  blob(
    reference: string,
    digest: Digest,
    options: { readonly range?: ByteRange; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const repository = this.#readFrom(this.#locate(reference))
    return readVerified(repository, parseDigest(digest), options, this.#retry)
  }

  /**
   * Brings an image into a sink, under `name` or the whole reference; of an index only `platform`, by default the one of this machine's
   * processor under Linux. Blobs that the sink has are not asked for, and what is half there is asked for from the middle on.
   */
  pull(reference: string, sink: ImageSink, options: CopyOptions & { readonly name?: string } = {}): Task<Descriptor, TransferEvent> {
    const { name, ...rest } = options
    return this.copy(reference, name === undefined ? sink : { sink, name }, { platform: hostPlatform(), ...rest })
  }

  /** Sends an image of a source, by `name` or the whole reference, to a registry. Blobs that are there are not sent. */
  push(source: ImageSource, reference: string, options: CopyOptions & { readonly name?: string } = {}): Task<Descriptor, TransferEvent> {
    const { name, ...rest } = options
    return this.copy(name === undefined ? source : { source, name }, reference, rest)
  }

  /** Copies an image from any of reference and source to any of reference and sink. All platforms of an index by default. */
  copy(from: string | CopyFrom, to: string | CopyTo, options: CopyOptions = {}): Task<Descriptor, TransferEvent> {
    return copyBetween(from, to, options, {
      locate: (text) => this.#locate(text),
      places: (text) => this.#places(text),
      originOf: (places, foreignLayers) => this.#originOf(places, this.#policy, foreignLayers),
      retry: this.#retry,
      uploads: this.#uploads,
      limits: this.#limits,
    })
  }

  /** The tags of the reference's repository. @throws as for `resolve`, at the first step. */
  tags(reference: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<string> {
    return listTags(this.#readFrom(this.#locate(reference)), options.signal)
  }

  /**
   * The repositories of a registry (`localhost:5000`), where it lists them.
   * @throws BoxError `ERR_BOX_NOT_FOUND` where it does not, at the first step; as for `resolve`.
   */
  repositories(registry: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<string> {
    this.#assertOpen()
    return listRepositories(this.#exchange(registry), options.signal)
  }

  /** The manifests that name this one as their subject: signatures, attestations, bills of materials. */
  async referrers(
    reference: string,
    options: { readonly artifactType?: string; readonly signal?: AbortSignal } = {},
  ): Promise<readonly Descriptor[]> {
    const located = this.#locate(reference)
    const { name, digest } = located
    const repository = this.#readFrom(located)
    const subject = digest ?? (await getManifest(repository, name, options.signal))?.descriptor.digest
    if (subject === undefined) throw absent(repository.name, name)
    return await listReferrers(repository, subject, options.artifactType, options.signal)
  }

  /**
   * Attaches an artifact to what the reference names, so that `referrers` finds it; where the registry has no such list, in the tag in its place.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where a type is no media type; as for `resolve`.
   */
  async attach(reference: string, artifact: Artifact, options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor> {
    const { repository } = this.#locate(reference)
    const { source, descriptor } = artifactSource(artifact, await this.resolve(reference, options))
    return await this.push(source, `${repository.name}@${descriptor.digest}`, options)
  }

  /** Deletes what the reference names: the manifest, by its digest, or else the tag alone, which not every registry can. */
  async remove(reference: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { repository, name, digest } = this.#locate(reference)
    if (digest === undefined) await deleteManifest(repository, name, options.signal)
    else await removeManifest(repository, digest, options.signal)
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#egress.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new BoxError('ERR_BOX_STATE', 'the registry client is closed')
  }

  /** What a reference names. A short name that several registries may have is one for `#places` only. */
  #locate(text: string): Located {
    const [place, ...others] = this.#places(text)
    if (others.length > 0) throw ambiguous(text, this.#shortNames?.search ?? [])
    return place
  }

  /** What a reference may name, in the order in which it is looked for. */
  #places(text: string): Places {
    this.#assertOpen()
    const [first, ...others] = meaningsOf(text, this.#shortNames)
    return [this.#place(first), ...others.map((meaning) => this.#place(meaning))]
  }

  #place({ registry, repository: path, tag, digest }: Reference): Located {
    if (matchRule(this.#rules, { name: `${registry}/${path}`, tag, digest })?.rule.blocked === true)
      throw new BoxError('ERR_BOX_EGRESS_DENIED', `${registry}/${path} is blocked by the option \`rules\``)
    return { repository: new Repository(this.#exchange(registry), path), name: digest ?? tag ?? 'latest', tag, digest }
  }

  /** What to read from: the one place, or the first of several that has the image. */
  #originOf(places: Places, policy: BoundPolicy | undefined, foreignLayers: boolean = false): Origin {
    const [only, ...others] = places
    if (others.length === 0) return this.#origin(only, policy, foreignLayers)
    const candidates = places.map((place) => ({ name: place.repository.name, origin: this.#origin(place, undefined, foreignLayers) }))
    return new SearchedOrigin(candidates, policy)
  }

  /** What to read from: the repository, or its mirrors and then itself, which may be at another location. */
  #origin(located: Located, policy: BoundPolicy | undefined, foreignLayers: boolean = false): Origin {
    const { repository } = located
    const own = (this.#mirrors[repository.registry] ?? []).map((mirror) => {
      const { location, digestOnly = false } = typeof mirror === 'string' ? { location: mirror } : mirror
      return { location: `${location}/${repository.path}`, digestOnly }
    })
    const mirrors = [...own, ...(this.#match(located)?.mirrors ?? [])]
    const actual = this.#readFrom(located)
    if (mirrors.length === 0 && actual === repository) return new RepositoryOrigin(repository, policy, foreignLayers)
    const places = mirrors.map(({ location, digestOnly }) => ({ origin: new RepositoryOrigin(this.#at(location), undefined), digestOnly }))
    const itself = { origin: new RepositoryOrigin(actual, undefined, foreignLayers), digestOnly: false }
    return new MirroredOrigin(repository.name, [...places, itself], policy)
  }

  #bound(policy: Policy | undefined): BoundPolicy | undefined {
    if (policy === undefined) return undefined
    const registry: PolicyRegistry = {
      manifest: async (reference, options = {}) => await this.#manifest(reference, options, undefined),
      blob: (reference, digest, options) => this.blob(reference, digest, options),
    }
    const asked = async (...[image, options]: Parameters<BoundPolicy>): Promise<void> => await policy(image, { ...options, registry })
    return async (image, options) => await abortable(asked(image, options), options.signal)
  }

  /** The repository itself, where the rules say that it is. */
  #readFrom(located: Located): Repository {
    const { repository } = located
    const location = this.#match(located)?.location ?? repository.name
    return location === repository.name ? repository : this.#at(location)
  }

  #match({ repository, tag, digest }: Located): RuleMatch | undefined {
    return matchRule(this.#rules, { name: repository.name, tag, digest })
  }

  /** The repository at a location, which no rule is applied to any more. */
  #at(location: string): Repository {
    const { registry, repository } = parseReference(location)
    return new Repository(this.#exchange(registry), repository)
  }

  #exchange(registry: string): Exchange {
    const known = this.#exchanges.get(registry)
    if (known !== undefined) return known
    const home = this.#egress.home(registry)
    const made = new Exchange(home, this.#egress, new Authorizer(home, this.#egress, this.#provider), this.#retry)
    this.#exchanges.set(registry, made)
    return made
  }
}

function insecureBy(named: readonly string[], rules: readonly RegistryRule[]): (host: string) => boolean {
  const { hosts, fits } = insecureHosts(rules)
  const known = new Set([...named, ...hosts])
  return (host) => known.has(host) || fits(host)
}

function absent(place: string, name: string): BoxError {
  return new BoxError('ERR_BOX_NOT_FOUND', `${place} has no image named ${JSON.stringify(name)}`)
}
