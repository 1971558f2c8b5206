// The public surface of @box/oci. Written by: node scripts/api.mjs --write

// index.d.ts
export { type ExposedPort, type ImageProcess, imageProcess, type ProcessOverrides } from './convert/process.ts';
export { type ResolvedUser, resolveUser, type UserDatabase } from './convert/user.ts';
export * from './digest.ts';
export { DocumentError } from './documents/error.ts';
export * from './documents/image.ts';
export * from './documents/registry.ts';
export * from './documents/runtime.ts';
export { type JsonLimits, readJson } from './documents/json.ts';
export type { Document, ParseOptions } from './documents/parse.ts';
export type { Catalog, ImageConfig, ImageLayoutHeader, Index, Manifest, RegistryErrors, RuntimeConfig, RuntimeDevice, RuntimeFeatures, RuntimeHook, RuntimeHooks, RuntimeIdMapping, RuntimeLinux, RuntimeMount, RuntimeProcess, RuntimeResources, RuntimeSeccomp, RuntimeState, TagList, } from './generated/types.ts';
export * from './media-types.ts';
export * from './platform.ts';
export * from './reference.ts';
export { blobWriter, type Receiving } from './layout/blob-writer.ts';
export { type ImageLayout, layout, type LayoutOptions, type NamedImage, type StoredBlob } from './layout/layout.ts';
export { acquireLock, type BusyLock, type HeldLock, type Locks } from './layout/locks.ts';
export { memorySink } from './layout/memory.ts';
export { socketLocks } from './layout/socket-locks.ts';
export { verifyBytes } from './documents/parse.ts';
export type { Receiver, Staged, StagedBlob } from './layout/writer.ts';
export { assertComplete, isImageDescriptor, readBlob, readImageDocument, referencesOf } from './layout/references.ts';
export { archive, type ImageArchive } from './archive/archive.ts';
export { namedEntry, namesOf } from './archive/names.ts';
export { archivePieces } from './archive/pieces.ts';
export { type Pieces, type Section, tarEnd, tarFile } from './archive/tar-writer.ts';

// archive/archive.d.ts
import { type ImageSink } from '@box/core';
import type { Index } from '../generated/types.ts';
/** An OCI archive: an image layout in one tar, which skopeo and podman call `oci-archive`. */
export interface ImageArchive extends ImageSink {
    /** The absolute path of the file. */
    readonly path: string;
    /** index.json of the archive: all entries, also those without a name. An archive that is not there has none. */
    index(): Promise<Index>;
    /**
     * Removes the folder beside the file in which images were received, with what was received of images that were not named.
     * @throws BoxError `ERR_BOX_STATE` where a writer is receiving into it
     */
    close(): Promise<void>;
}
/**
 * The OCI archive in that file. It is read where it is, by seeking in it, and no name of it becomes a path; it may be absent, which reads as empty. What it
 * receives goes to a folder beside it (`.NAME.box`), where a later try goes on; `tag` packs the images that have names into a new file, which then takes the
 * place of the old one at one stroke. Nothing is open between calls.
 *
 * Every function fails with `ERR_BOX_STORE_INVALID` where the file holds something else, `ERR_BOX_UNSUPPORTED` where it is compressed, and `ERR_BOX_LIMIT`
 * where it has more entries than an archive of images may have.
 */
export declare function archive(file: string): ImageArchive;

// archive/names.d.ts
import { type Descriptor } from '@box/core';
/** The names of an entry of index.json, that which says most first. */
export declare function namesOf({ annotations }: Descriptor): readonly string[];
/** The entry of an archive's index.json by which an image has that name, for skopeo, podman, containerd and Docker. */
export declare function namedEntry(descriptor: Descriptor, name: string): Descriptor;
/** The descriptor as it was before it was named. */
export declare function unnamed(entry: Descriptor): Descriptor;

// archive/pieces.d.ts
import type { Descriptor } from '@box/core';
import type { Index } from '../generated/types.ts';
import { type Pieces, type Section } from './tar-writer.ts';
/**
 * An image layout as one tar: what skopeo and podman call `oci-archive`. Documents come first, for who reads it as a stream. Equal index and blobs give
 * equal bytes.
 */
export declare function archivePieces(index: Index, blobs: readonly Descriptor[], content: (blob: Descriptor) => Uint8Array | Section): Pieces;

// archive/tar-writer.d.ts
/** A part of an archive that need not go through this process's hands. */
export interface Section {
    readonly bytes: () => AsyncIterable<Uint8Array>;
    /** Writes the same to a file, from the file's position on. Undefined: only bytes are given. */
    readonly toFile?: ((fd: number) => Promise<void>) | undefined;
}
/** What an archive consists of, in its order. */
export type Pieces = AsyncGenerator<Uint8Array | Section, void, void>;
/** A file of an archive, with its header and padding. Owner and time say nothing: equal content gives equal bytes. */
export declare function tarFile(name: string, size: number, content: Uint8Array | Section): Generator<Uint8Array | Section, void, void>;
/** A folder of an archive. */
export declare function tarFolder(name: string): Uint8Array;
/** The end of an archive. */
export declare const tarEnd: Uint8Array;

// convert/process.d.ts
import type { ImageConfig } from '../generated/types.ts';
/** What an image says of the process that runs in it. All of it is data from the image: nothing here may decide what the runtime does beyond the process. */
export interface ImageProcess {
    /** `Entrypoint` and after it `Cmd`. May be empty. */
    readonly args: readonly string[];
    /** By name. Of a name that is there twice the last value counts. */
    readonly env: Readonly<Record<string, string>>;
    /** `/` where the image says none. */
    readonly cwd: string;
    /** As the image writes it, for `resolveUser`. Empty where it says none. */
    readonly user: string;
    /** The signal that asks the process to end: `SIGTERM`, `SIGRTMIN+3`. */
    readonly stopSignal?: string;
    /** The ports that the image means to be reached at, in its order. */
    readonly exposedPorts: readonly ExposedPort[];
    /** Folders whose content is not the image's, as the image writes them. */
    readonly volumes: readonly string[];
    /** The labels, and what the image specification makes of other fields (conversion.md, "Annotation Fields"). */
    readonly annotations: Readonly<Record<string, string>>;
}
export interface ExposedPort {
    readonly port: number;
    readonly protocol: string;
}
/** What a caller says instead of the image. */
export interface ProcessOverrides {
    /** Replaces `Entrypoint`, and with it drops the image's `Cmd`. */
    readonly entrypoint?: readonly string[] | undefined;
    /** Replaces `Cmd`. */
    readonly args?: readonly string[] | undefined;
    /** Added to the image's environment; undefined takes a name away. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    readonly cwd?: string | undefined;
    readonly user?: string | undefined;
}
/** Converts an image's configuration to what a process needs (image-spec, conversion.md). */
export declare function imageProcess(image: ImageConfig, overrides?: ProcessOverrides): ImageProcess;

// convert/user.d.ts
/** The user and groups of a process, as `process.user` of a runtime configuration has them. */
export interface ResolvedUser {
    readonly uid: number;
    readonly gid: number;
    /** Without `gid`, each once. */
    readonly additionalGids: readonly number[];
    /** The home folder that the user database names. */
    readonly home?: string;
    /** The name that the user database has for the uid. */
    readonly name?: string;
}
/** The user databases of a root: what its /etc/passwd and /etc/group hold, where they are there. */
export interface UserDatabase {
    readonly passwd?: string | undefined;
    readonly group?: string | undefined;
}
/**
 * Finds out who `Config.User` is (image-spec, config.md): `user`, `uid`, `user:group`, `uid:gid`, `uid:group`, `user:gid`. Digits are always an id,
 * never a name. Without a group the user's own and the supplementary groups apply; with one, that group alone. An empty string is 0:0 with the
 * groups of 0. A uid that no line knows has gid 0. Lines that are not as passwd(5) and group(5) say are passed over.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an id beyond 2^32 - 2, `ERR_BOX_NOT_FOUND` for a name that is not there, `ERR_BOX_LIMIT` for a
 * database of more than 4 MiB or more than 65,536 groups
 */
export declare function resolveUser(user: string, database?: UserDatabase): ResolvedUser;

// digest.d.ts
import { type Digest } from '@box/core';
/** The hash algorithms that a digest may name, each with the number of hexadecimal digits it has (image-spec, descriptor.md). */
declare const digits: {
    readonly sha256: 64;
    readonly sha512: 128;
};
export type DigestAlgorithm = keyof typeof digits;
/** Whether the value is a digest of a registered algorithm, with the length that the algorithm demands. */
export declare function isDigest(value: unknown): value is Digest;
/**
 * Reads a digest such as `sha256:6c3c…`. A value that passed is safe as a part of a file name or a URL.
 * @throws BoxError `ERR_BOX_DIGEST_INVALID`, saying what is wrong.
 */
export declare function parseDigest(text: string): Digest;
/** The algorithm and the hexadecimal digits of a digest. */
export declare function splitDigest(digest: Digest): {
    readonly algorithm: DigestAlgorithm;
    readonly encoded: string;
};
/** The digest of these bytes. */
export declare function digestOf(bytes: Uint8Array | string, algorithm?: DigestAlgorithm): Digest;
/** A digest in the making: give it the bytes as they come, then ask once. */
export interface Digester {
    /** How many bytes it was given. */
    readonly size: number;
    update(chunk: Uint8Array): void;
    /** The digest of all that was given. It ends the digester: a second call throws. */
    digest(): Digest;
}
/** Begins a digest over a stream. */
export declare function createDigester(algorithm?: DigestAlgorithm): Digester;
export {};

// documents/error.d.ts
import { BoxError } from '@box/core';
/** What is wrong with a document: code `ERR_BOX_DOCUMENT_INVALID`. */
export declare class DocumentError extends BoxError {
    readonly name: string;
    /** The kind of document: `image manifest`. */
    readonly document: string;
    /** Where in the document: a JSON pointer (RFC 6901), '' for the whole. */
    readonly pointer: string;
    /** The rule that is broken, in words. */
    readonly rule: string;
    /** The value that breaks it, where it could be read. */
    readonly value: unknown;
    constructor(document: string, pointer: string, rule: string, value?: unknown, cause?: unknown);
    static [Symbol.hasInstance](value: unknown): boolean;
}
/** A key or index as one step of a JSON pointer. */
export declare function pointerStep(key: string | number): string;
/** The value that a JSON pointer leads to, or undefined. */
export declare function valueAt(document: unknown, pointer: string): unknown;

// documents/image.d.ts
import type { ImageConfig, ImageLayoutHeader, Index, Manifest } from '../generated/types.ts';
import { type Document, type ParseOptions } from './parse.ts';
/**
 * Reads an image manifest, OCI's or Docker's second schema (image-spec, manifest.md).
 * A document that could also be taken for an index is refused, as is one whose media type is said twice and differently.
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`; BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH` against `expected`
 */
export declare function parseManifest(bytes: Uint8Array, options?: ParseOptions): Document<Manifest>;
/** Reads an image index or Docker's manifest list (image-spec, image-index.md). Errors as for `parseManifest`. */
export declare function parseIndex(bytes: Uint8Array, options?: ParseOptions): Document<Index>;
/** An image's first document: a manifest, or an index of several. */
export type ImageDocument = ({
    readonly kind: 'manifest';
} & Document<Manifest>) | ({
    readonly kind: 'index';
} & Document<Index>);
/**
 * Reads what a name leads to: a manifest or an index. The media types that are known decide; where there is none, whether `manifests` is there.
 * Errors as for `parseManifest`.
 */
export declare function parseImageDocument(bytes: Uint8Array, options?: ParseOptions): ImageDocument;
/** Reads an image's configuration (image-spec, config.md). Errors as for `parseManifest`. */
export declare function parseImageConfig(bytes: Uint8Array, options?: ParseOptions): Document<ImageConfig>;
/** Reads the file `oci-layout` (image-spec, image-layout.md). Errors as for `parseManifest`. */
export declare function parseLayout(bytes: Uint8Array, options?: ParseOptions): Document<ImageLayoutHeader>;

// documents/json.d.ts
export interface JsonLimits {
    /** The most bytes that are read; more is an error. */
    readonly maxBytes: number;
    /** The most levels of objects and arrays. */
    readonly maxDepth?: number;
}
/**
 * Reads JSON from outside. Beyond JSON.parse it refuses what readers disagree on, so that no two of them see different documents: bytes that are
 * not UTF-8, a byte order mark, a key twice in an object, `__proto__` as a key, half a surrogate pair, nesting beyond `maxDepth` (64), and more
 * than `maxBytes` bytes (RFC 8259 section 4 and 8, RFC 7493 section 2).
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export declare function readJson(document: string, bytes: Uint8Array, limits: JsonLimits): unknown;

// documents/parse.d.ts
import { type Descriptor } from '@box/core';
import type { Validator } from './validator.ts';
/** A document that was read and is valid, with the very bytes it was read from: send and store those, never the value written anew. */
export interface Document<Value> {
    readonly value: Value;
    readonly bytes: Uint8Array;
    /** The media type, digest (sha256, or the algorithm of the expected one) and size of the bytes. */
    readonly descriptor: Descriptor;
}
export interface ParseOptions {
    /** The media type that came with the bytes (an HTTP header). The document must not say another one. */
    readonly mediaType?: string | undefined;
    /** The descriptor that led here. Size, digest and media type must be its own. */
    readonly expected?: Descriptor | undefined;
    /** The most bytes that are read. 4 MiB by default. */
    readonly maxBytes?: number | undefined;
}
/** The kind of a document. */
export interface Kind<Value> {
    /** Its name in messages. */
    readonly name: string;
    readonly validator: Validator;
    /** The media type that it has where none is said. */
    readonly mediaType: string;
    /** Whether the document has a property `mediaType` that says its own. */
    readonly saysMediaType?: true;
    /** A rule that no schema can express. Gives where it is broken. */
    readonly check?: (value: Value) => BrokenRule | undefined;
}
export interface BrokenRule {
    /** A JSON pointer. */
    readonly pointer: string;
    readonly rule: string;
}
/**
 * Reads a document of that kind.
 * @throws BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`; DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export declare function parseDocument<Value>(kind: Kind<Value>, bytes: Uint8Array, options?: ParseOptions): Document<Value>;
/** Checks that the bytes are those that the descriptor promises. */
export declare function verifyBytes(bytes: Uint8Array, expected: Descriptor): void;

// documents/registry.d.ts
import type { Catalog, RegistryErrors, TagList } from '../generated/types.ts';
import { type Document, type ParseOptions } from './parse.ts';
/** Reads the body of a registry's refusal (distribution-spec, "Error Codes"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseRegistryErrors(bytes: Uint8Array, options?: ParseOptions): Document<RegistryErrors>;
/** Reads a page of a repository's tags (distribution-spec, "Listing Tags"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseTagList(bytes: Uint8Array, options?: ParseOptions): Document<TagList>;
/** Reads a page of a registry's repositories. @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseCatalog(bytes: Uint8Array, options?: ParseOptions): Document<Catalog>;

// documents/runtime.d.ts
import type { RuntimeConfig, RuntimeFeatures, RuntimeProcess, RuntimeResources, RuntimeState } from '../generated/types.ts';
import { type Document, type ParseOptions } from './parse.ts';
/**
 * Reads a bundle's config.json for Linux (runtime-spec 1.3, config.md and config-linux.md). Unknown properties are kept, as the
 * specification demands. Numbers beyond 2^53 are as exact as a double, except in system call filters, where they are refused.
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export declare function parseRuntimeConfig(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeConfig>;
/** Reads a process document, as `exec` takes it (config.md, "Process"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseRuntimeProcess(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeProcess>;
/** Reads a resources document, as `update` takes it (config-linux.md, "Control groups"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseRuntimeResources(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeResources>;
/** Reads the state of a container (runtime.md, "State"). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseRuntimeState(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeState>;
/** Reads what a runtime says it can do (features.md). @throws DocumentError `ERR_BOX_DOCUMENT_INVALID` */
export declare function parseRuntimeFeatures(bytes: Uint8Array, options?: ParseOptions): Document<RuntimeFeatures>;

// documents/validator.d.ts
/** A rule of a schema that a value breaks, as ajv's generated code reports it. */
export interface Violation {
    /** The JSON pointer (RFC 6901) of the value. */
    readonly instancePath: string;
    readonly keyword: string;
    readonly message?: string;
    readonly params: Readonly<Record<string, unknown>>;
}
/** A schema as code: says whether the value fits, and keeps the violations of the last call. */
export interface Validator {
    (value: unknown): boolean;
    readonly errors?: readonly Violation[] | null;
}

// generated/types.d.ts
import type { Descriptor, Digest, Platform } from '@box/core';
export type { Descriptor, Digest, Platform };
/** The repositories of a registry, as the distribution project's registry lists them (its own extension, /v2/_catalog). */
export type Catalog = {
    readonly repositories: readonly string[];
};
/** A registered algorithm and as many lower-case hexadecimal digits as it has (image-spec, descriptor.md, Digests). */
export type DigestInSchema = string;
/** The platform that an image runs on (image-spec, image-index.md). */
export type PlatformInSchema = {
    readonly architecture: string;
    readonly os: string;
    readonly "os.version"?: string;
    readonly "os.features"?: readonly string[];
    readonly variant?: string;
};
/** What is known of a blob before its bytes are there (image-spec, descriptor.md). */
export type DescriptorInSchema = {
    readonly mediaType: string;
    readonly digest: Digest;
    readonly size: number;
    readonly urls?: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
    readonly data?: string;
    readonly artifactType?: string;
    readonly platform?: Platform;
};
/** How an image is run and what its layers hold (image-spec, config.md). An optional property may be null, which is as if it were absent. */
export type ImageConfig = {
    readonly created?: string | null;
    readonly author?: string | null;
    readonly architecture: string;
    readonly os: string;
    readonly "os.version"?: string | null;
    readonly "os.features"?: readonly string[] | null;
    readonly variant?: string | null;
    /** The parameters to run a container with. */
    readonly config?: {
        readonly User?: string | null;
        readonly ExposedPorts?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null;
        readonly Env?: readonly string[] | null;
        readonly Entrypoint?: readonly string[] | null;
        readonly Cmd?: readonly string[] | null;
        readonly Volumes?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null;
        readonly WorkingDir?: string | null;
        readonly Labels?: Readonly<Record<string, string>> | null;
        readonly StopSignal?: string | null;
        readonly ArgsEscaped?: boolean | null;
        readonly Memory?: number | null;
        readonly MemorySwap?: number | null;
        readonly CpuShares?: number | null;
        readonly Healthcheck?: Readonly<Record<string, unknown>> | null;
        readonly OnBuild?: readonly string[] | null;
        readonly Shell?: readonly string[] | null;
    } | null;
    readonly rootfs: {
        readonly type: "layers";
        /** The digests of the layers' tar streams, the lowest first. */
        readonly diff_ids: readonly Digest[];
    };
    readonly history?: readonly ({
        readonly created?: string | null;
        readonly author?: string | null;
        readonly created_by?: string | null;
        readonly comment?: string | null;
        readonly empty_layer?: boolean | null;
    })[] | null;
};
/** Images for several platforms under one name (image-spec, image-index.md). Docker's manifest list has the same shape. */
export type Index = {
    readonly schemaVersion: 2;
    readonly mediaType?: "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json";
    readonly artifactType?: string;
    readonly manifests: readonly Descriptor[];
    readonly subject?: Descriptor;
    readonly annotations?: Readonly<Record<string, string>>;
};
/** The file oci-layout of an image layout (image-spec, image-layout.md). */
export type ImageLayoutHeader = {
    readonly imageLayoutVersion: "1.0.0";
};
/** One image for one platform, or an artifact (image-spec, manifest.md). Docker's second manifest schema has the same shape. */
export type Manifest = {
    readonly schemaVersion: 2;
    readonly mediaType?: "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json";
    readonly artifactType?: string;
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
    readonly subject?: Descriptor;
    readonly annotations?: Readonly<Record<string, string>>;
};
/** The body of a registry's answer of class 4xx (distribution-spec, Error Codes). */
export type RegistryErrors = {
    readonly errors: readonly ({
        readonly code: string;
        readonly message?: string;
        readonly detail?: unknown;
    })[];
};
/** A bundle's config.json for Linux (runtime-spec 1.3, config.md). The sections for other systems are kept and not looked into. */
export type RuntimeConfig = {
    readonly ociVersion: string;
    readonly root: {
        readonly path: string;
        readonly readonly?: boolean;
    };
    readonly process?: RuntimeProcess;
    readonly hostname?: string;
    readonly domainname?: string;
    readonly mounts?: readonly RuntimeMount[];
    readonly hooks?: RuntimeHooks;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly linux?: RuntimeLinux;
    readonly freebsd?: Readonly<Record<string, unknown>>;
    readonly solaris?: Readonly<Record<string, unknown>>;
    readonly vm?: Readonly<Record<string, unknown>>;
    readonly windows?: Readonly<Record<string, unknown>>;
    readonly zos?: Readonly<Record<string, unknown>>;
};
export type RuntimeHooks = {
    readonly prestart?: readonly RuntimeHook[];
    readonly createRuntime?: readonly RuntimeHook[];
    readonly createContainer?: readonly RuntimeHook[];
    readonly startContainer?: readonly RuntimeHook[];
    readonly poststart?: readonly RuntimeHook[];
    readonly poststop?: readonly RuntimeHook[];
};
/** One mount inside the container (config.md, "Mounts"). A relative destination counts from the root. */
export type RuntimeMount = {
    readonly destination: string;
    readonly source?: string;
    readonly type?: string;
    readonly options?: readonly string[];
    readonly uidMappings?: readonly RuntimeIdMapping[];
    readonly gidMappings?: readonly RuntimeIdMapping[];
};
/** A program that is run at a point of the container's life (config.md, "POSIX-platform Hooks"). `timeout` is in seconds. */
export type RuntimeHook = {
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
};
/** Ids inside and outside of a user namespace (config-linux.md, "User namespace mappings"). */
export type RuntimeIdMapping = {
    readonly containerID: number;
    readonly hostID: number;
    readonly size: number;
};
/** What a runtime can do (runtime-spec 1.3, features.md, features-linux.md). An optional property that is null or absent says nothing. */
export type RuntimeFeatures = {
    readonly ociVersionMin: string;
    readonly ociVersionMax: string;
    readonly hooks?: readonly string[] | null;
    readonly mountOptions?: readonly string[] | null;
    readonly annotations?: Readonly<Record<string, string>> | null;
    readonly potentiallyUnsafeConfigAnnotations?: readonly string[] | null;
    readonly linux?: {
        readonly namespaces?: readonly string[] | null;
        readonly capabilities?: readonly string[] | null;
        readonly cgroup?: {
            readonly v1?: boolean | null;
            readonly v2?: boolean | null;
            readonly systemd?: boolean | null;
            readonly systemdUser?: boolean | null;
            readonly rdma?: boolean | null;
        } | null;
        readonly seccomp?: {
            readonly enabled?: boolean | null;
            readonly actions?: readonly string[] | null;
            readonly operators?: readonly string[] | null;
            readonly archs?: readonly string[] | null;
            readonly knownFlags?: readonly string[] | null;
            readonly supportedFlags?: readonly string[] | null;
        } | null;
        readonly apparmor?: {
            readonly enabled?: boolean | null;
        } | null;
        readonly selinux?: {
            readonly enabled?: boolean | null;
        } | null;
        readonly memoryPolicy?: {
            readonly modes?: readonly string[] | null;
            readonly flags?: readonly string[] | null;
        } | null;
        readonly intelRdt?: {
            readonly enabled?: boolean | null;
            readonly schemata?: boolean | null;
            readonly monitoring?: boolean | null;
        } | null;
        readonly mountExtensions?: {
            readonly idmap?: {
                readonly enabled?: boolean | null;
            } | null;
        } | null;
        readonly netDevices?: {
            readonly enabled?: boolean | null;
        } | null;
    } | null;
};
/** What only Linux has (runtime-spec 1.3, config-linux.md). */
export type RuntimeLinux = {
    readonly namespaces?: readonly ({
        readonly type: "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";
        readonly path?: string;
    })[];
    readonly uidMappings?: readonly RuntimeIdMapping[];
    readonly gidMappings?: readonly RuntimeIdMapping[];
    readonly timeOffsets?: {
        readonly boottime?: {
            readonly secs?: number;
            readonly nanosecs?: number;
        };
        readonly monotonic?: {
            readonly secs?: number;
            readonly nanosecs?: number;
        };
    };
    readonly devices?: readonly RuntimeDevice[];
    readonly netDevices?: Readonly<Record<string, {
        readonly name?: string;
    }>>;
    readonly cgroupsPath?: string;
    readonly resources?: RuntimeResources;
    readonly intelRdt?: {
        readonly closID?: string;
        readonly schemata?: readonly string[];
        readonly l3CacheSchema?: string;
        readonly memBwSchema?: string;
        readonly enableMonitoring?: boolean;
    };
    readonly memoryPolicy?: {
        readonly mode: "MPOL_DEFAULT" | "MPOL_BIND" | "MPOL_INTERLEAVE" | "MPOL_WEIGHTED_INTERLEAVE" | "MPOL_PREFERRED" | "MPOL_PREFERRED_MANY" | "MPOL_LOCAL";
        readonly nodes?: string;
        readonly flags?: readonly ("MPOL_F_NUMA_BALANCING" | "MPOL_F_RELATIVE_NODES" | "MPOL_F_STATIC_NODES")[];
    };
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly seccomp?: RuntimeSeccomp;
    readonly rootfsPropagation?: "shared" | "slave" | "private" | "unbindable";
    readonly maskedPaths?: readonly string[];
    readonly readonlyPaths?: readonly string[];
    readonly mountLabel?: string;
    readonly personality?: {
        readonly domain: "LINUX" | "LINUX32";
        readonly flags?: readonly string[];
    };
};
/** A device node (config-linux.md, "Devices"). `fileMode` is in decimal. */
export type RuntimeDevice = {
    readonly type: "c" | "b" | "u" | "p";
    readonly path: string;
    readonly major?: number;
    readonly minor?: number;
    readonly fileMode?: number;
    readonly uid?: number;
    readonly gid?: number;
};
/** A filter of system calls (config-linux.md, "Seccomp"). */
export type RuntimeSeccomp = {
    readonly defaultAction: "SCMP_ACT_KILL" | "SCMP_ACT_KILL_PROCESS" | "SCMP_ACT_KILL_THREAD" | "SCMP_ACT_TRAP" | "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE" | "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG" | "SCMP_ACT_NOTIFY";
    readonly defaultErrnoRet?: number;
    readonly architectures?: readonly ("SCMP_ARCH_X86" | "SCMP_ARCH_X86_64" | "SCMP_ARCH_X32" | "SCMP_ARCH_ARM" | "SCMP_ARCH_AARCH64" | "SCMP_ARCH_LOONGARCH64" | "SCMP_ARCH_M68K" | "SCMP_ARCH_MIPS" | "SCMP_ARCH_MIPS64" | "SCMP_ARCH_MIPS64N32" | "SCMP_ARCH_MIPSEL" | "SCMP_ARCH_MIPSEL64" | "SCMP_ARCH_MIPSEL64N32" | "SCMP_ARCH_PARISC" | "SCMP_ARCH_PARISC64" | "SCMP_ARCH_PPC" | "SCMP_ARCH_PPC64" | "SCMP_ARCH_PPC64LE" | "SCMP_ARCH_RISCV64" | "SCMP_ARCH_S390" | "SCMP_ARCH_S390X" | "SCMP_ARCH_SH" | "SCMP_ARCH_SHEB")[];
    readonly flags?: readonly ("SECCOMP_FILTER_FLAG_TSYNC" | "SECCOMP_FILTER_FLAG_LOG" | "SECCOMP_FILTER_FLAG_SPEC_ALLOW" | "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")[];
    readonly listenerPath?: string;
    readonly listenerMetadata?: string;
    readonly syscalls?: readonly ({
        readonly names: readonly string[];
        readonly action: "SCMP_ACT_KILL" | "SCMP_ACT_KILL_PROCESS" | "SCMP_ACT_KILL_THREAD" | "SCMP_ACT_TRAP" | "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE" | "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG" | "SCMP_ACT_NOTIFY";
        readonly errnoRet?: number;
        readonly args?: readonly ({
            readonly index: number;
            readonly value: number;
            readonly valueTwo?: number;
            readonly op: "SCMP_CMP_NE" | "SCMP_CMP_LT" | "SCMP_CMP_LE" | "SCMP_CMP_EQ" | "SCMP_CMP_GE" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";
        })[];
    })[];
};
/** The process of a container on Linux (runtime-spec 1.3, config.md, "Process"). `exec` takes the same document. */
export type RuntimeProcess = {
    readonly terminal?: boolean;
    readonly consoleSize?: {
        readonly height: number;
        readonly width: number;
    };
    readonly cwd: string;
    readonly env?: readonly string[];
    readonly args: readonly string[];
    readonly user?: {
        readonly uid: number;
        readonly gid: number;
        readonly umask?: number;
        readonly additionalGids?: readonly number[];
        readonly username?: string;
    };
    readonly rlimits?: readonly ({
        readonly type: string;
        readonly soft: number;
        readonly hard: number;
    })[];
    readonly capabilities?: {
        readonly bounding?: readonly string[];
        readonly effective?: readonly string[];
        readonly inheritable?: readonly string[];
        readonly permitted?: readonly string[];
        readonly ambient?: readonly string[];
    };
    readonly noNewPrivileges?: boolean;
    readonly apparmorProfile?: string;
    readonly selinuxLabel?: string;
    readonly oomScoreAdj?: number;
    readonly scheduler?: {
        readonly policy: "SCHED_OTHER" | "SCHED_FIFO" | "SCHED_RR" | "SCHED_BATCH" | "SCHED_ISO" | "SCHED_IDLE" | "SCHED_DEADLINE";
        readonly nice?: number;
        readonly priority?: number;
        readonly flags?: readonly ("SCHED_FLAG_RESET_ON_FORK" | "SCHED_FLAG_RECLAIM" | "SCHED_FLAG_DL_OVERRUN" | "SCHED_FLAG_KEEP_POLICY" | "SCHED_FLAG_KEEP_PARAMS" | "SCHED_FLAG_UTIL_CLAMP_MIN" | "SCHED_FLAG_UTIL_CLAMP_MAX")[];
        readonly runtime?: number;
        readonly deadline?: number;
        readonly period?: number;
    };
    readonly ioPriority?: {
        readonly class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
        readonly priority: number;
    };
    readonly execCPUAffinity?: {
        readonly initial?: string;
        readonly final?: string;
    };
    readonly commandLine?: string;
};
/** The limits of a container's cgroup (runtime-spec 1.3, config-linux.md, "Control groups"). `update` takes the same document. */
export type RuntimeResources = {
    readonly devices?: readonly ({
        readonly allow: boolean;
        readonly type?: "a" | "c" | "b";
        readonly major?: number;
        readonly minor?: number;
        readonly access?: string;
    })[];
    readonly memory?: {
        readonly limit?: number;
        readonly reservation?: number;
        readonly swap?: number;
        readonly kernel?: number;
        readonly kernelTCP?: number;
        readonly swappiness?: number;
        readonly disableOOMKiller?: boolean;
        readonly useHierarchy?: boolean;
        readonly checkBeforeUpdate?: boolean;
    };
    readonly cpu?: {
        readonly shares?: number;
        readonly quota?: number;
        readonly burst?: number;
        readonly period?: number;
        readonly realtimeRuntime?: number;
        readonly realtimePeriod?: number;
        readonly cpus?: string;
        readonly mems?: string;
        readonly idle?: number;
    };
    readonly blockIO?: {
        readonly weight?: number;
        readonly leafWeight?: number;
        readonly weightDevice?: readonly ({
            readonly major: number;
            readonly minor: number;
            readonly weight?: number;
            readonly leafWeight?: number;
        })[];
        readonly throttleReadBpsDevice?: readonly ({
            readonly major: number;
            readonly minor: number;
            readonly rate: number;
        })[];
        readonly throttleWriteBpsDevice?: readonly ({
            readonly major: number;
            readonly minor: number;
            readonly rate: number;
        })[];
        readonly throttleReadIOPSDevice?: readonly ({
            readonly major: number;
            readonly minor: number;
            readonly rate: number;
        })[];
        readonly throttleWriteIOPSDevice?: readonly ({
            readonly major: number;
            readonly minor: number;
            readonly rate: number;
        })[];
    };
    readonly hugepageLimits?: readonly ({
        readonly pageSize: string;
        readonly limit: number;
    })[];
    readonly network?: {
        readonly classID?: number;
        readonly priorities?: readonly ({
            readonly name: string;
            readonly priority: number;
        })[];
    };
    readonly pids?: {
        readonly limit?: number;
    };
    readonly rdma?: Readonly<Record<string, {
        readonly hcaHandles?: number;
        readonly hcaObjects?: number;
    }>>;
    readonly unified?: Readonly<Record<string, string>>;
};
/** The state of a container (runtime-spec 1.3, runtime.md, "State"). A runtime may add states of its own. */
export type RuntimeState = {
    readonly ociVersion: string;
    readonly id: string;
    /** creating, created, running, stopped, or one of the runtime's own. */
    readonly status: string;
    readonly pid?: number;
    readonly bundle: string;
    readonly annotations?: Readonly<Record<string, string>>;
};
/** The tags of a repository (distribution-spec, Listing Tags). Null stands for none: the distribution project's registry sends it. */
export type TagList = {
    readonly name: string;
    readonly tags: readonly string[] | null;
};

// layout/blob-writer.d.ts
import { type BlobWriter, type Descriptor } from '@box/core';
/** How the bytes of one blob are received. Only one of its functions runs at a time. */
export interface Receiving {
    /** How many bytes there are. */
    readonly offset: number;
    /** Takes the next bytes. They are not more than were promised. */
    write(chunk: Uint8Array): Promise<void>;
    /** Throws away what is there; the next byte is the first. */
    restart(): Promise<void>;
    /** Checks the bytes, which are as many as were promised, and makes them visible. */
    commit(): Promise<void>;
    /** Called once, at the end: gives everything back. `keep` says whether bytes that are not visible are of use to a later try. */
    close(keep: boolean): Promise<void>;
}
/**
 * The rules that every writer of a blob follows: one call at a time, no more bytes than were promised and no fewer, a call that fails ends it, and so does the
 * signal.
 */
export declare function blobWriter(descriptor: Descriptor, receiving: Receiving, signal?: AbortSignal): BlobWriter;

// layout/folder.d.ts
import { type Digest } from '@box/core';
import { type Stats } from 'node:fs';
import { type Locks } from './locks.ts';
/** Whether what was acknowledged survives a power cut (`full`) or only the end of the process (`none`). */
export type Durability = 'full' | 'none';
/** The files of one image layout on disk: where they are, and how the folder is made and its files replaced. */
export declare class LayoutFolder {
    #private;
    readonly path: string;
    readonly durability: Durability;
    constructor(path: string, locks: Locks, durability: Durability);
    get staging(): string;
    /** Where the blob is, once its folders are known to be folders and no links. */
    blobPath(digest: Digest): Promise<string>;
    /** What is at the blob's place: undefined for nothing. @throws BoxError `ERR_BOX_STORE_INVALID` for anything but a file. */
    blobStats(path: string): Promise<Stats | undefined>;
    /** Checks a folder that is read only. One that is not there is empty. Gives whether it is there. */
    check(): Promise<boolean>;
    /** Makes the folder where it is not there, once. Fails where there is something else. */
    make(): Promise<void>;
    /**
     * Replaces a file of the layout at one stroke: its readers see the old bytes or the new ones. The caller holds the lock `index`, so the
     * temporary file is its own.
     */
    replace(name: string, bytes: Uint8Array | string): Promise<void>;
    /** Makes the names in the folder durable, where that was asked for. */
    sync(folder: string): Promise<void>;
}
/** Opens a file for reading without following a link in its place and without waiting on what is not a file. */
export declare const readFlags: number;

// layout/layout.d.ts
import { type Descriptor, type Digest, type ImageSink } from '@box/core';
import type { Index } from '../generated/types.ts';
import { type Durability } from './folder.ts';
import { type Locks } from './locks.ts';
import { type Receiver } from './writer.ts';
export interface LayoutOptions {
    /** How writers keep out of each other's way: `socketLocks()` by default. All writers of one layout use the same mechanism. */
    readonly locks?: Locks | undefined;
    /** `full` (the default): what was acknowledged survives a power cut. `none`: it survives the end of the process. */
    readonly durability?: Durability | undefined;
    /** Receives some of the blobs, to do more with their bytes than to keep them. */
    readonly receive?: Receiver | undefined;
}
/** A blob in a layout. */
export interface StoredBlob {
    readonly digest: Digest;
    readonly size: number;
}
/** An image of a layout. */
export interface NamedImage {
    readonly name: string;
    readonly descriptor: Descriptor;
}
/**
 * An OCI image layout in a folder (image-spec, image-layout.md), shared by any number of processes of one machine. Nothing is open between calls.
 * Bytes are received in its folder `staging`, where a later try goes on from them, and appear in `blobs` once size and digest are right.
 *
 * Every function fails with `ERR_BOX_STORE_INVALID` where the folder holds something else or a link is in a blob's place,
 * and with `ERR_BOX_SYSTEM`, `ERR_BOX_PERMISSION` where the file system refuses.
 */
export interface ImageLayout extends ImageSink {
    /** The absolute path of the folder. */
    readonly path: string;
    /** Makes the folder where it is not there. Other functions that write do so by themselves. */
    make(): Promise<void>;
    /** index.json as it is now: all entries, also those without a name. */
    index(): Promise<Index>;
    /** The images that have names. */
    list(): Promise<readonly NamedImage[]>;
    /** Takes the name away; the blobs stay. Gives whether it was there. */
    untag(name: string): Promise<boolean>;
    /** The blobs that are there, in no order. */
    blobs(): AsyncIterable<StoredBlob>;
    /**
     * Removes a blob. Gives whether it was there. That nothing needs it is for the caller to know, except for entries of index.json.
     * @throws BoxError `ERR_BOX_STATE` where an entry of index.json leads to it, or a writer is receiving it
     */
    remove(digest: Digest): Promise<boolean>;
    /** The blobs of which an earlier try has left some bytes, with the number of these; those, too, that are being received. */
    partials(): AsyncIterable<StoredBlob>;
    /**
     * Throws away what an earlier try has left of a blob. Gives whether something was there.
     * @throws BoxError `ERR_BOX_STATE` where a writer is receiving it
     */
    discard(digest: Digest): Promise<boolean>;
    /**
     * Reads a blob through and says whether it is what its name says.
     * @throws BoxError `ERR_BOX_BLOB_ABSENT`
     */
    verify(digest: Digest, options?: {
        readonly signal?: AbortSignal;
    }): Promise<boolean>;
    /**
     * Reads a blob through and removes it where it is not what its name says, also where an entry of index.json leads to it: who is given the image once
     * more receives it again. Gives whether it was removed.
     * @throws BoxError `ERR_BOX_BLOB_ABSENT`; `ERR_BOX_STATE` where a writer is receiving it
     */
    removeDamaged(digest: Digest): Promise<boolean>;
}
/**
 * An image layout in that folder. The folder is made by the first call that writes; until then it may be absent, which reads as empty.
 * A path that is not absolute is taken from the working directory of now.
 */
export declare function layout(path: string, options?: LayoutOptions): ImageLayout;

// layout/locks.d.ts
/** A lock that was taken. */
export interface HeldLock {
    readonly state: 'held';
    /** Gives the lock back and wakes who waits for it. */
    release(): Promise<void>;
}
/** A lock that someone else has. */
export interface BusyLock {
    readonly state: 'busy';
    /**
     * Resolves when the lock may be free: it was released, or its holder ended, however it ended. Then ask again.
     * Rejects with the signal's reason.
     */
    released(signal?: AbortSignal): Promise<void>;
}
/**
 * How the writers of one image layout keep out of each other's way, in one process and in several. A lock ends with its holder, also when
 * the holder is killed. `socketLocks()` needs nothing but Node; another mechanism can be given to `layout()`.
 */
export interface Locks {
    /**
     * Names the mechanism. The layout keeps the name in its folder and refuses to be opened by another one, because two mechanisms do not
     * see each other's locks.
     */
    readonly protocol: string;
    /** Takes the lock of that name (letters, digits, `-`), whose files are in `folder`, if it is free. Does not wait. */
    acquire(folder: string, name: string): Promise<HeldLock | BusyLock>;
    /** Removes the files that processes which were killed have left in `folder`. Not there: such a mechanism leaves none. */
    sweep?(folder: string): Promise<void>;
}
/** Takes a lock, waiting for it. Rejects with the signal's reason. */
export declare function acquireLock(locks: Locks, folder: string, name: string, signal?: AbortSignal): Promise<HeldLock>;

// layout/memory.d.ts
import { type ImageSink } from '@box/core';
/** An image sink that keeps all in memory: for tests, and for small images on their way from one place to another. */
export declare function memorySink(): ImageSink;

// layout/references.d.ts
import { type BlobSource, type Descriptor } from '@box/core';
import { type ImageDocument } from '../documents/image.ts';
/** The blobs that a manifest or index needs, in the order of the document: its config and layers, or its manifests. Not its `subject`, which need not be there. */
export declare function referencesOf(document: ImageDocument): readonly Descriptor[];
/** Whether the descriptor leads to a manifest or an index, which is read to find the blobs below. */
export declare function isImageDescriptor(descriptor: Descriptor): boolean;
/**
 * Reads a whole blob into memory and checks it against the descriptor.
 * @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_LIMIT` beyond `maxBytes` (4 MiB)
 */
export declare function readBlob(source: BlobSource, descriptor: Descriptor, options?: {
    readonly signal?: AbortSignal;
    readonly maxBytes?: number;
}): Promise<Uint8Array>;
/** Reads the manifest or index that the descriptor leads to. Errors as for `readBlob` and `parseManifest`. */
export declare function readImageDocument(source: BlobSource, descriptor: Descriptor, signal?: AbortSignal): Promise<ImageDocument>;
/**
 * Checks that all blobs of an image are there, with their sizes. Layers that are fetched from elsewhere (`urls`) may be missing.
 * @throws BoxError `ERR_BOX_BLOB_ABSENT`, naming the first that is not
 */
export declare function assertComplete(source: BlobSource, descriptor: Descriptor): Promise<void>;
/** The blobs of these images that are there, each once, in the order of the documents. */
export declare function presentBelow(source: BlobSource, images: readonly Descriptor[]): Promise<readonly Descriptor[]>;

// layout/socket-locks.d.ts
import type { Locks } from './locks.ts';
/**
 * Locks made of files and local sockets, for processes of one machine, on every system that Node runs on. Who wants a lock puts a file
 * `<name>.<token>.<number>.claim` into the folder, then asks every other claimant by the socket that the token names. It steps back from a holder, and
 * from a candidate with a smaller token, and waits for the decision of one with a greater token: so there is never more than one holder, and
 * always someone who goes on. Nothing is polled: the kernel closes the sockets of a process that ends, and its files are then swept away.
 */
export declare function socketLocks(): Locks;

// layout/writer.d.ts
import { type BlobWriter, type Descriptor } from '@box/core';
/** Where a writer puts the bytes of one blob before they are visible. Only one of its functions runs at a time. */
export interface Staged {
    /** The bytes that an earlier try left. */
    kept(): AsyncIterable<Uint8Array>;
    append(chunk: Uint8Array): Promise<void>;
    /** Throws away what is there; the next byte is the first. */
    clear(): Promise<void>;
    /** Makes the bytes durable and visible under the digest. */
    publish(): Promise<void>;
    /** Called once, at the end: gives back descriptors and the lock. What was not published is kept where `keep` says so. */
    close(keep: boolean): Promise<void>;
}
/** A place that is a file, for who writes its bytes by other means. */
export interface StagedBlob extends Staged {
    /** The file, open for reading and writing; its position is nobody's. */
    readonly fd: number;
    /** How many bytes an earlier try left. */
    size(): Promise<number>;
}
/**
 * Receives a blob's bytes in a way of its own, by the rules of a `BlobWriter`: it checks size and digest before it publishes. It calls
 * `staged.close` in any case, also where it throws. Undefined where it has no interest in that blob.
 */
export type Receiver = (descriptor: Descriptor, staged: StagedBlob, signal: AbortSignal | undefined) => Promise<BlobWriter> | undefined;
/** Receives a blob into a place: the bytes of an earlier try are hashed again, and nothing is published before the digest is right. If it throws, `staged` is closed. */
export declare function beginWriting(descriptor: Descriptor, staged: Staged, signal?: AbortSignal): Promise<BlobWriter>;

// media-types.d.ts
/** The media types of images, as the image specification (media-types.md) and Docker's second manifest schema name them. */
export declare const mediaTypes: {
    readonly index: 'application/vnd.oci.image.index.v1+json';
    readonly manifest: 'application/vnd.oci.image.manifest.v1+json';
    readonly config: 'application/vnd.oci.image.config.v1+json';
    /** The two bytes `{}`: the config of an artifact that has none. */
    readonly empty: 'application/vnd.oci.empty.v1+json';
    readonly layer: 'application/vnd.oci.image.layer.v1.tar';
    readonly layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip';
    readonly layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd';
    readonly layoutHeader: 'application/vnd.oci.layout.header.v1+json';
    readonly dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json';
    readonly dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json';
    readonly dockerConfig: 'application/vnd.docker.container.image.v1+json';
    readonly dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar';
    readonly dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip';
    readonly dockerForeignLayerGzip: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
};
/** How the bytes of a layer are packed. */
export type LayerCompression = 'none' | 'gzip' | 'zstd';
/** How a layer of that media type is packed, or undefined where the type is not a layer's. */
export declare function layerCompression(mediaType: string): LayerCompression | undefined;
/** Whether the media type is an image index's, OCI's or Docker's. */
export declare function isIndexMediaType(mediaType: string): boolean;
/** Whether the media type is an image manifest's, OCI's or Docker's. */
export declare function isManifestMediaType(mediaType: string): boolean;

// platform.d.ts
import type { Descriptor, Platform } from '@box/core';
/** The platform of Linux containers on this machine's processor, in the words of Go's GOOS and GOARCH, which the image specification uses. */
export declare function hostPlatform(): Platform;
/**
 * Picks the entry of an index that suits the platform best: the same operating system and architecture, and the nearest variant that
 * runs there (arm v7 runs v7, v6 and v5; amd64 v3 runs v3, v2 and v1). Among equals the first one, as the image specification says
 * (image-index.md). `wanted` is `hostPlatform()` by default. Undefined where nothing suits.
 */
export declare function selectPlatform(manifests: readonly Descriptor[], wanted?: Platform): Descriptor | undefined;
/** Reads a platform as the command line of other tools writes it: `linux/arm64`, `linux/arm/v7`. Undefined where it is not one. */
export declare function parsePlatform(text: string): Platform | undefined;

// reference.d.ts
import { type Digest } from '@box/core';
/** The name of an image in a registry, with nothing left out. At least one of `tag` and `digest` is there. */
export interface Reference {
    /** Host, and port where it is said: `docker.io`, `localhost:5000`, `[::1]:5000`. In lower case, unless only its case tells it from a path: `HOST`. */
    readonly registry: string;
    /** The path inside the registry: `library/alpine`. */
    readonly repository: string;
    readonly tag?: string;
    readonly digest?: Digest;
}
/**
 * Reads an image reference as Docker does and fills in what it leaves out: `alpine` is `docker.io/library/alpine:latest`. The first
 * part is a registry where it holds a dot or a colon or an upper-case letter, or is `localhost`. With a digest and no tag, the tag stays absent.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID`, saying which part is wrong.
 */
export declare function parseReference(text: string): Reference;
/** The whole reference as text, nothing left out: `docker.io/library/alpine:3@sha256:…`. `parseReference` reads it back to the same value. */
export declare function formatReference(reference: Reference): string;
/** The shortest text that means the same reference: `alpine:3` for `docker.io/library/alpine:3`. */
export declare function familiarReference(reference: Reference): string;
/** Whether a reference's text names no registry, so that `parseReference` takes it to be Docker's: `alpine:3`, `team/app`. */
export declare function isShortReference(text: string): boolean;
/** Whether the text is a tag: 1 to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-` (distribution-spec, "Pulling manifests"). */
export declare function isTag(text: string): boolean;
/** Whether the text is a repository's path, in lower case, of at most 255 characters (distribution-spec, "Pulling manifests"). */
export declare function isRepository(text: string): boolean;
