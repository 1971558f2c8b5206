// The public surface of @box/core. Written by: node scripts/api.mjs --write

// index.d.ts
export * from './blobs.ts';
export * from './cancellation.ts';
export * from './diagnostics.ts';
export * from './errors.ts';
export * from './kinds.ts';
export * from './names.ts';
export * from './namespace-error.ts';
export * from './quantities.ts';
export * from './targets.ts';
export * from './task.ts';

// blobs.d.ts
/** How a registry client, a layout folder and a layer store exchange content. */
/** A digest as the image specification writes it (descriptor.md, "Digests"): an algorithm and lower-case hexadecimal digits. */
export type Digest = `${'sha256' | 'sha512'}:${string}`;
/** What is known of a blob before its bytes are there (image-spec, descriptor.md). */
export interface Descriptor {
    readonly mediaType: string;
    readonly digest: Digest;
    /** In bytes. */
    readonly size: number;
    readonly urls?: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
    readonly data?: string;
    readonly artifactType?: string;
    readonly platform?: Platform;
}
/** The platform that an image runs on (image-spec, image-index.md). */
export interface Platform {
    readonly architecture: string;
    readonly os: string;
    readonly 'os.version'?: string;
    readonly 'os.features'?: readonly string[];
    readonly variant?: string;
}
/** A part of a blob: from `start` (the first byte is 0) up to and without `end`. */
export interface ByteRange {
    readonly start: number;
    readonly end?: number;
}
/** Where blobs are read from. */
export interface BlobSource {
    /** The blob's size, or undefined where it is not there. */
    stat(digest: Digest, options?: {
        readonly signal?: AbortSignal;
    }): Promise<{
        readonly size: number;
    } | undefined>;
    /**
     * The blob's bytes. The chunks are the reader's: their memory is not used again. `verify: false` is for who checks the digest himself: a source that
     * would check it, too, may leave that out. Default: true.
     * @throws BoxError `ERR_BOX_BLOB_ABSENT` (at the first step of the iteration).
     */
    read(digest: Digest, options?: {
        readonly range?: ByteRange;
        readonly signal?: AbortSignal;
        readonly verify?: boolean;
    }): AsyncIterable<Uint8Array>;
}
/** Where blobs are written to. The sink checks size and digest; nothing is visible before both hold. */
export interface BlobSink extends BlobSource {
    /**
     * Begins to receive a blob. `signal` ends a write as `abort()` does.
     * The sink answers `present` where it has the blob, and `busy` where another writer is receiving it: wait for `released`, then ask again.
     */
    ingest(descriptor: Descriptor, options?: {
        readonly signal?: AbortSignal;
    }): Promise<Ingest>;
}
export type Ingest = {
    readonly state: 'present';
} | {
    readonly state: 'busy';
    readonly released: Promise<void>;
} | BlobWriter;
export interface BlobWriter {
    readonly state: 'writing';
    /** How many bytes the sink holds already, from an earlier try: the first byte to be written is this one. */
    readonly offset: number;
    /** Gives the next bytes. Resolves when the sink takes more: waiting for it is the back-pressure. The chunk may be reused afterwards. */
    write(chunk: Uint8Array): Promise<void>;
    /** Forgets what an earlier try left; `offset` 0 is the next byte. For a source that cannot begin in the middle. */
    restart(): Promise<void>;
    /** Ends the blob. @throws BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`, or what is wrong inside the blob. */
    commit(): Promise<void>;
    /** Gives up. What was written is kept where the sink can resume from it, and is not visible. */
    abort(): Promise<void>;
}
/** A source of blobs that knows images by name. */
export interface ImageSource extends BlobSource {
    /** The manifest or index of that name (a tag, or a whole reference: the source says which), or undefined. */
    resolve(name: string, options?: {
        readonly signal?: AbortSignal;
    }): Promise<Descriptor | undefined>;
}
/** A sink of blobs that keeps images by name. */
export interface ImageSink extends BlobSink, ImageSource {
    /** Gives the name to a manifest or index whose blobs are all there. @throws BoxError `ERR_BOX_BLOB_ABSENT`. */
    tag(name: string, descriptor: Descriptor): Promise<void>;
}

// cancellation.d.ts
/**
 * Waits for `work`, or rejects with the signal's reason as soon as it is aborted; `onAbort` then stops the work.
 * The listener is removed in either case, so that a signal can serve many calls.
 */
export declare function abortable<Value>(work: PromiseLike<Value>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<Value>;

// diagnostics.d.ts
import { type TracingChannel } from 'node:diagnostics_channel';
/** Every tracing channel of the Box packages (node:diagnostics_channel). Without a subscriber they cost nothing. */
export declare const channels: {
    readonly launch: TracingChannel;
    readonly unpack: TracingChannel;
    readonly mount: TracingChannel;
    readonly commit: TracingChannel;
    readonly pull: TracingChannel;
    readonly push: TracingChannel;
    readonly serve: TracingChannel;
    readonly run: TracingChannel;
};

// errors.d.ts
/**
 * Every error that a Box package throws by its own will is a BoxError. The code is stable and is what a program decides by; the
 * message is for people. Where the kernel refused something, `syscall`, `errno`, `path` and `step` say what was tried.
 */
/** Every code, with the one line that the documentation prints for it. */
export declare const errorCodes: {
    readonly ERR_BOX_INVALID_ARGUMENT: 'An option or argument has a value that the call does not take.';
    readonly ERR_BOX_STATE: 'The call is not possible in the state that the handle is in.';
    readonly ERR_BOX_UNSUPPORTED: 'The kernel, the platform or the privileges at hand do not offer what was asked for.';
    readonly ERR_BOX_SYSTEM: 'A system call failed for a reason that has no code of its own.';
    readonly ERR_BOX_PERMISSION: 'The caller lacks a privilege that the call needs.';
    readonly ERR_BOX_NOT_FOUND: 'What was named does not exist.';
    readonly ERR_BOX_COMMAND_NOT_FOUND: 'The program to run does not exist inside the root.';
    readonly ERR_BOX_LAUNCHER_LOST: 'The launcher ended before it had answered, and the launch could not be repeated safely.';
    readonly ERR_BOX_EXIT_STOLEN: 'The exit status was collected by someone else in this process.';
    readonly ERR_BOX_TIMEOUT: 'The time allowed for the call is over.';
    readonly ERR_BOX_RUN_FAILED: 'The command ended with an exit code other than 0, or by a signal.';
    readonly ERR_BOX_CGROUP_UNSUPPORTED: 'A limit was asked for that the cgroup hierarchy of this host cannot hold.';
    readonly ERR_BOX_CGROUP_EXISTS: 'A cgroup of that name exists and was made by someone else.';
    readonly ERR_BOX_CGROUP_BUSY: 'Controllers cannot be enabled below a cgroup that holds processes itself.';
    readonly ERR_BOX_DOCUMENT_INVALID: 'A document breaks its specification.';
    readonly ERR_BOX_DIGEST_INVALID: 'A string is not a digest of a registered algorithm.';
    readonly ERR_BOX_REFERENCE_INVALID: 'A string is not an image reference.';
    readonly ERR_BOX_DIGEST_MISMATCH: 'Content does not have the digest that was promised.';
    readonly ERR_BOX_SIZE_MISMATCH: 'Content does not have the size that was promised.';
    readonly ERR_BOX_BLOB_ABSENT: 'A blob that is needed is not in the store.';
    readonly ERR_BOX_STORE_INVALID: 'A folder is not a store that this version can open.';
    readonly ERR_BOX_LAYER_INVALID: 'A layer holds something that must not be unpacked.';
    readonly ERR_BOX_LIMIT: 'A limit that guards against hostile input was passed.';
    readonly ERR_BOX_REGISTRY: 'A registry answered with an error.';
    readonly ERR_BOX_REGISTRY_UNAUTHORIZED: 'A registry refused the credentials, or asks for some.';
    readonly ERR_BOX_REGISTRY_BUSY: 'A registry asks to be called less often.';
    readonly ERR_BOX_REGISTRY_UNREACHABLE: 'No connection to a registry could be made, or it broke.';
    readonly ERR_BOX_SIGNATURE_INVALID: 'An image has no signature that is asked for.';
    readonly ERR_BOX_EGRESS_DENIED: 'A request was about to go where it may not go.';
};
export type ErrorCode = keyof typeof errorCodes;
export interface BoxErrorDetails {
    /** The system call that failed, by its name in section 2 of the manual. */
    readonly syscall?: string | undefined;
    /** The error's name, as in errno(3): `EPERM`. */
    readonly errno?: string | undefined;
    /** The file or folder concerned. */
    readonly path?: string | undefined;
    /** The step of a launch plan, of an unpacking or of a transfer that failed. */
    readonly step?: string | undefined;
    /** What to do about it. */
    readonly hint?: string | undefined;
    readonly cause?: unknown;
}
/** The one error class. `instanceof` works across copies of this package and across realms. */
export declare class BoxError extends Error {
    readonly name: string;
    readonly code: ErrorCode;
    readonly syscall: string | undefined;
    readonly errno: string | undefined;
    readonly path: string | undefined;
    readonly step: string | undefined;
    readonly hint: string | undefined;
    constructor(code: ErrorCode, message: string, details?: BoxErrorDetails);
    static [Symbol.hasInstance](value: unknown): boolean;
}
/** What the native core throws: plain data, made into a BoxError on this side so that it has the caller's stack. */
export interface NativeFailure {
    /** A code of `errorCodes` where the core knows one. */
    readonly code?: string;
    readonly message: string;
    readonly syscall?: string;
    readonly errno?: string;
    readonly path?: string;
    readonly step?: string;
    readonly hint?: string;
}
/** Turns what the native core threw into a BoxError, with what is to be done about it; anything else is given back as it is. */
export declare function fromNative(thrown: unknown, hint?: string | ((failure: NativeFailure) => string | undefined)): unknown;

// kinds.d.ts
/** What the value of an option has to be; `words` goes on from "is not". */
export interface Kind {
    readonly words: string;
    readonly fits: (value: unknown) => boolean;
}
type KindName = 'flag' | 'text' | 'number' | 'object' | 'function' | 'list' | 'texts' | 'numbers' | 'objects' | 'signal';
/** The kinds of values that options mostly have. */
export declare const kinds: Readonly<Record<KindName, Kind>>;
/** One of a few words. */
export declare function oneOf(...words: readonly string[]): Kind;
export {};

// names.d.ts
import type { Kind } from './kinds.ts';
/**
 * The name of each option of a type, with the kind of its value where that is looked at here. One that is missing, or that the type does not
 * have, is a compile error.
 */
export type OptionNames<Options> = {
    readonly [Name in keyof Options]-?: true | Kind;
};
/**
 * Refuses an option whose name is not known, or whose value is of another kind. A misspelt one (`namespace` for `namespaces`), or a word in
 * the place of a flag (`readOnly: 'yes'`), would otherwise leave out, without a word, the isolation or the limit that it asks for.
 * `undefined` is no value; `null` is one, and of no kind.
 * @param what what the options are of, for the message: `spawn`, `a bind mount`
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, with the names that there are
 */
export declare function refuseUnknownOptions<Options extends object>(what: string, options: Options, names: OptionNames<Options>): void;

// namespace-error.d.ts
import { type NativeFailure } from './errors.ts';
/** What was asked of the kernel. */
export interface AskedNamespaces {
    /** The kinds of namespace that were to be new, by the names of the runtime specification. */
    readonly namespaces: readonly string[];
    /** The programs that were to write the maps of a user namespace, where the caller may not. Default: none. */
    readonly mappers?: readonly string[];
}
/**
 * Turns what the native core threw, or reported of a launch, into a BoxError. Where a setting of the host forbids new namespaces
 * (user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's restriction) the error's `path` is that of the setting, and the hint
 * says how it is changed; else the hint is the given one.
 */
export declare function namespaceError(thrown: unknown, asked: AskedNamespaces, hint?: string | ((failure: NativeFailure) => string | undefined)): unknown;

// quantities.d.ts
/** A number of bytes: a bare number, or a string with its unit. `MB` is 10⁶ bytes, `MiB` 2²⁰. */
export type Size = number | `${number}${'B' | 'kB' | 'KB' | 'MB' | 'GB' | 'TB' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`;
/** A transfer rate with its unit: bits per second (`'20mbit'`), or bytes per second (`'10MiB/s'`). */
export type Rate = `${number}${'bit' | 'kbit' | 'mbit' | 'gbit'}` | `${number}${'B' | 'kB' | 'MB' | 'GB' | 'KiB' | 'MiB' | 'GiB'}/s` | {
    readonly bitsPerSecond: number;
};
/**
 * Reads a size. Gives whole bytes, rounded down.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for anything that is not a size of 0 to 2^53 - 1 bytes.
 */
export declare function parseSize(size: Size): number;
/**
 * Reads a rate. Gives bits per second.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for anything that is not a rate, a bare number included.
 */
export declare function parseRate(rate: Rate): number;

// targets.d.ts
/**
 * The small structural types by which the packages meet without importing one another.
 * A descriptor (`fd`) stays the property of the object that carries it: whoever receives one uses it and does not close it.
 */
/** A process: its id, and a pidfd (pidfd_open(2)) that keeps the id from being taken for another process. */
export interface ProcessTarget {
    readonly pid: number;
    readonly pidfd: number;
}
/** A cgroup that a process can be placed in: absolute folders, one in the v2 hierarchy and one in each v1 hierarchy that is used. */
export interface CgroupTarget {
    readonly paths: {
        readonly v2?: string | undefined;
        readonly v1: readonly string[];
    };
}
/** One line of a user namespace's map (user_namespaces(7)): `size` ids from `containerId` inside are those from `hostId` outside. */
export interface IdMapping {
    readonly containerId: number;
    readonly hostId: number;
    readonly size: number;
}
/** A user namespace held by a descriptor, with its maps. */
export interface UserNamespaceTarget {
    readonly fd: number;
    readonly uidMappings: readonly IdMapping[];
    readonly gidMappings: readonly IdMapping[];
}
/**
 * A file tree that can be a container's root. `fd` refers to a mount (fsmount(2), open_tree(2)) that need not be attached anywhere; each
 * launch attaches a clone of it in its own mount namespace.
 */
export interface Root {
    readonly fd: number;
    /** Where the tree is attached in the caller's mount namespace, if it is. */
    readonly path?: string | undefined;
    /** The user namespace for whose ids the tree was made. A process with this root is started in it, or in one with the same maps. */
    readonly userNamespace?: UserNamespaceTarget | undefined;
}
/** A network namespace held by a descriptor. */
export interface NetworkTarget {
    readonly fd: number;
}

// task.d.ts
/**
 * Long work with one outcome, awaited or iterated: `await task` gives the value, `for await (const event of task)` the events on the
 * way, and both see the same failure. The work starts at once. An iterator sees the events from the moment it was made on; without an
 * iterator events are not kept.
 */
export declare class Task<Value, Event> implements PromiseLike<Value>, AsyncIterable<Event> {
    #private;
    /**
     * @param work Does the work. It calls `emit` for each event and stops early when `signal` is aborted.
     * @param options.signal Cancels the work; the outcome is then a rejection with the signal's reason.
     */
    constructor(work: (emit: (event: Event) => void, signal: AbortSignal) => Promise<Value>, options?: {
        readonly signal?: AbortSignal | undefined;
    });
    /** Stops the work. The outcome is a rejection with the reason, unless the work is already done. */
    cancel(reason?: unknown): void;
    then<A = Value, B = never>(fulfilled?: ((value: Value) => A | PromiseLike<A>) | null, rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B>;
    catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Value | B>;
    finally(done?: (() => void) | null): Promise<Value>;
    [Symbol.asyncIterator](): AsyncGenerator<Event, void, void>;
}
