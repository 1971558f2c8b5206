import {
  BoxError,
  channels,
  refuseUnknownOptions,
  Task,
  type Descriptor,
  type Digest,
  type ImageSink,
  type ImageSource,
  type Platform,
} from '@box/core'
import type { Repository } from '../client/repository.ts'
import type { RetryPolicy } from '../http/retry.ts'
import { copyHooks, copyOptions } from '../option-names.ts'
import { RepositoryDestination, SinkDestination, type Destination } from './destinations.ts'
import type { ManifestFormat } from './convert.ts'
import type { TransferEvent } from './events.ts'
import { copyGraph } from './graph.ts'
import type { CopyHooks } from './hooks.ts'
import type { KeptUploads } from './kept-uploads.ts'
import type { Origin } from './origin.ts'
import { SourceOrigin } from './origins.ts'
import type { RegistryLimits } from './registry-limits.ts'
import { SearchedOrigin } from './searched.ts'

/** A source to copy from; without a name, what the other side is named. */
export type CopyFrom = ImageSource | { readonly source: ImageSource; readonly name: string }

/** A sink to copy to; without a name, what the other side is named. */
export type CopyTo = ImageSink | { readonly sink: ImageSink; readonly name: string }

export interface CopyOptions {
  /** One platform of an index, or `'all'` that it holds. Default `'all'`; of `pull`, this machine's processor under Linux. */
  readonly platform?: Platform | 'all'
  /** How many blobs are on the way at a time. Default 4. */
  readonly concurrency?: number
  /** The most bytes of a blob that one request of an upload carries. Default: all of them. */
  readonly chunkSize?: number
  /**
   * Whether layers that a registry does not have are received from the addresses that their descriptors name (`urls`): without credentials, and only
   * where the registry itself may lead. Default `false`.
   */
  readonly foreignLayers?: boolean
  /**
   * The format that manifests are written in: `'oci'`, or Docker's second schema, `'docker'`. A manifest that is in another one is written anew, and so has another
   * digest; configuration and layers keep their bytes. Default: every manifest as it is.
   * What Docker's format has no word for (layers in zstd, artifacts) is `ERR_BOX_UNSUPPORTED`; annotations are left out of it.
   */
  readonly format?: ManifestFormat
  /** What is called before and after each part of the image, and may stop the copy by throwing. */
  readonly hooks?: CopyHooks
  readonly signal?: AbortSignal
}

/** A reference that was read: the repository, and what to ask it for. */
export interface Located {
  readonly repository: Repository
  /** The digest where there is one, for a tag may have moved since; else the tag. */
  readonly name: string
  readonly tag: string | undefined
  readonly digest: Digest | undefined
}

/** What a reference to read from may name, in the order in which it is looked for. */
export type Places = readonly [Located, ...Located[]]

export interface CopyContext {
  readonly locate: (reference: string) => Located
  readonly places: (reference: string) => Places
  readonly originOf: (places: Places, foreignLayers: boolean) => Origin
  readonly retry: RetryPolicy
  readonly uploads: KeptUploads | undefined
  readonly limits: RegistryLimits
}

/** Copies an image. Arguments that are wrong are thrown at once; what goes wrong later is the task's outcome. */
export function copyBetween(
  from: string | CopyFrom,
  to: string | CopyTo,
  options: CopyOptions,
  context: CopyContext,
): Task<Descriptor, TransferEvent> {
  refuseUnknownOptions('copy', options, copyOptions)
  refuseUnknownOptions('hooks', options.hooks ?? {}, copyHooks)
  const {
    platform = 'all',
    concurrency = 4,
    chunkSize = Number.POSITIVE_INFINITY,
    foreignLayers = false,
    format,
    hooks = {},
    signal,
  } = options
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'concurrency is a whole number from 1 on')
  if (!(chunkSize >= 1)) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'chunkSize is a number of bytes from 1 on')
  if (format !== undefined && format !== 'oci' && format !== 'docker')
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', "format is 'oci' or 'docker'")
  const places = typeof from === 'string' ? context.places(from) : undefined
  const source = places?.[0]
  const target = typeof to === 'string' ? context.locate(to) : undefined
  const given = nameOf(from) ?? nameOf(to)
  const fromName = source?.name ?? nameOf(from) ?? (target === undefined ? given : whole(target))
  const origin = originOf(from, places, foreignLayers, context)
  const toName = nameFor(target, nameOf(to) ?? (places === undefined ? given : undefined), places, origin)
  if (fromName === undefined || toName === undefined)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'a copy between a source and a sink needs the name of the image: { source, name }')
  const destination = checked(destinationOf(to, target), target)
  const channel = target === undefined ? channels.pull : channels.push
  return new Task<Descriptor, TransferEvent>(
    async (emit, taskSignal) =>
      await channel.tracePromise(
        async () =>
          await copyGraph(
            origin,
            destination,
            { from: fromName, to: toName },
            { retry: context.retry, uploads: context.uploads, limits: context.limits, hooks, signal: taskSignal, emit, chunkSize },
            { platform, concurrency, format },
          ),
        { from: fromName, to: toName() },
      ),
    { signal },
  )
}

/** What the image is named: what was said, or else its whole reference, which for a short name that several registries may have is known once it is found. */
function nameFor(
  target: Located | undefined,
  given: string | undefined,
  places: Places | undefined,
  origin: Origin,
): (() => string) | undefined {
  const name = target === undefined ? given : (target.tag ?? target.name)
  if (name !== undefined) return () => name
  if (places === undefined) return undefined
  return () => whole((origin instanceof SearchedOrigin ? places[origin.found] : undefined) ?? places[0])
}

/** The whole reference, by which an image is named where nothing else was said. */
function whole({ repository, tag, digest }: Located): string {
  return `${repository.name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

function nameOf(end: string | CopyFrom | CopyTo): string | undefined {
  return typeof end === 'object' && 'name' in end && typeof end.name === 'string' ? end.name : undefined
}

function originOf(from: string | CopyFrom, places: Places | undefined, foreignLayers: boolean, context: CopyContext): Origin {
  if (places !== undefined) return context.originOf(places, foreignLayers)
  if (typeof from === 'object') return new SourceOrigin('source' in from ? from.source : from)
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'copy takes a reference, a source, or { source, name }')
}

function destinationOf(to: string | CopyTo, located: Located | undefined): Destination {
  if (located !== undefined) return new RepositoryDestination(located.repository)
  if (typeof to === 'object') return new SinkDestination('sink' in to ? to.sink : to)
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'copy takes a reference, a sink, or { sink, name }')
}

/** A target with a digest is for that image only. */
function checked(destination: Destination, located: Located | undefined): Destination {
  const digest = located?.digest
  if (digest === undefined) return destination
  return {
    registry: destination.registry,
    held: (descriptor, context) => destination.held(descriptor, context),
    blob: (origin, descriptor, context) => destination.blob(origin, descriptor, context),
    manifest: (manifest, context) => destination.manifest(manifest, context),
    root: async (name, manifest, context) => {
      if (manifest.descriptor.digest !== digest)
        throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the target is named ${digest}, and the image is ${manifest.descriptor.digest}`)
      await destination.root(name, manifest, context)
    },
  }
}
