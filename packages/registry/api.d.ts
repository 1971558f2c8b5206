// The public surface of @box/registry. Written by: node scripts/api.mjs --write

// index.d.ts
export type { Auth, CredentialProvider, Credentials } from './auth/credentials.ts';
export { dockerConfig, podmanConfig, type ConfigFileOptions } from './auth/config-file.ts';
export { certsFromFolders } from './config/certs-d.ts';
export { registriesConf, shortNamesConf, type RegistriesConfOptions } from './config/load-registries.ts';
export { parseRegistriesConf, parseShortNames } from './config/registries-conf.ts';
export type { RegistryRule, RegistryRuleMirror } from './config/registry-rules.ts';
export type { ShortNames } from './config/short-names.ts';
export { copy } from './copy.ts';
export type { Certificates } from './egress/connector.ts';
export type { EgressOptions } from './egress/egress.ts';
export { proxyFromEnvironment, type Proxy } from './egress/proxy.ts';
export { RegistryError, type RegistryErrorDetails, type RegistryErrorEntry } from './errors.ts';
export type { RetryOptions } from './http/retry.ts';
export { Registry, type ImageOptions, type RegistryOptions } from './registry.ts';
export type { Artifact, ArtifactPart } from './transfer/artifact.ts';
export type { ManifestFormat } from './transfer/convert.ts';
export type { CopyFrom, CopyOptions, CopyTo } from './transfer/copy.ts';
export type { TransferEvent } from './transfer/events.ts';
export type { CopyHook, CopyHooks } from './transfer/hooks.ts';
export type { Mirror, Mirrors } from './transfer/mirrors.ts';
export type { Policy, PolicyRegistry } from './transfer/origins.ts';
export { cosignPolicy, type CosignOptions } from './verify/cosign.ts';
export * from './server/index.ts';
export { archive, layout, memorySink } from '@box/oci';

// auth/authorizer.d.ts
import type { Egress } from '../egress/egress.ts';
import type { Home } from '../egress/home.ts';
import type { Reply } from '../egress/reply.ts';
import { type CredentialProvider } from './credentials.ts';
/** What a request wants to do: scopes of the token specification, `repository:library/alpine:pull`, and the repository that they are about. */
export interface Access {
    readonly repository: string | undefined;
    readonly scopes: readonly string[];
}
/** Knows how one registry wants to be asked, and holds its tokens: one per set of scopes, asked for once however many wait for it. */
export declare class Authorizer {
    #private;
    constructor(home: Home, egress: Egress, provider: CredentialProvider);
    /** The header for a request, as far as the registry has said what it wants. */
    authorization(access: Access, signal: AbortSignal | undefined): Promise<string | undefined>;
    /**
     * Learns from a 401. Gives true where the request is worth repeating.
     * @param used The header that the refused request was sent with.
     */
    challenged(reply: Reply, used: string | undefined, access: Access, signal: AbortSignal | undefined): Promise<boolean>;
}

// auth/config-file.d.ts
import type { CredentialProvider } from './credentials.ts';
import { type HelperOptions } from './helper.ts';
export interface ConfigFileOptions extends HelperOptions {
    /** The file. By default the tool's own place for it. A file that does not exist holds nothing. */
    readonly path?: string;
}
/**
 * Credentials as `docker login` keeps them: `config.json` in the folder of the environment variable `DOCKER_CONFIG`, or in `~/.docker`.
 * Programs named there (`credHelpers`, `credsStore`) are run, found in the absolute folders of the environment variable `PATH`.
 * The file is read at each use, which is once for a registry and repository.
 */
export declare function dockerConfig(options?: ConfigFileOptions): CredentialProvider;
/**
 * Credentials as `podman login` keeps them: the file of the environment variable `REGISTRY_AUTH_FILE`, or `containers/auth.json` in the folder
 * of `XDG_RUNTIME_DIR`, or in `~/.config` (containers-auth.json(5)). Entries may be for a part of a registry: `quay.io/team`.
 */
export declare function podmanConfig(options?: ConfigFileOptions): CredentialProvider;

// auth/credentials.d.ts
/** What proves who is asking. */
export type Credentials = {
    readonly username: string;
    readonly password: string;
}
/** A refresh token of a token service (OAuth2), as `docker login` keeps it. */
 | {
    readonly identityToken: string;
}
/** A token that the registry itself takes as it is. */
 | {
    readonly registryToken: string;
};
/**
 * Finds the credentials for a registry (`docker.io`, `localhost:5000`) and a repository in it, or undefined for none. A client asks once for all its calls that need
 * the same, and so gives no signal of any of them.
 */
export type CredentialProvider = (registry: string, options: {
    readonly repository?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}) => Promise<Credentials | undefined>;
/** Credentials by registry, a function that finds them, or several of these, of which the first that has an answer counts. */
export type Auth = Readonly<Record<string, Credentials>> | CredentialProvider | readonly CredentialProvider[];
/** Makes one provider of what the option `auth` takes. Without it every registry is asked as anonymous. */
export declare function providerOf(auth: Auth | undefined): CredentialProvider;
/** The value of an `Authorization` header for Basic (RFC 7617). @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for what it cannot hold. */
export declare function basic(username: string, password: string): string;

// auth/helper.d.ts
import type { Credentials } from './credentials.ts';
export interface HelperOptions {
    /** How long a credential helper may take, in milliseconds. Default 30,000. */
    readonly helperTimeout?: number;
}
/**
 * Asks a credential helper, a program named `docker-credential-NAME` (docker/docker-credential-helpers, "get"), for a registry's credentials.
 * It is found in the absolute folders of PATH, run without a shell, and given the server on its standard input.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for a name that is none, `ERR_BOX_NOT_FOUND`, `ERR_BOX_REGISTRY_UNAUTHORIZED`.
 */
export declare function askHelper(name: string, server: string, options: HelperOptions & {
    readonly signal?: AbortSignal | undefined;
}): Promise<Credentials | undefined>;

// client/manifests.d.ts
import { BoxError, type Descriptor } from '@box/core';
import type { Repository } from './repository.ts';
/** A manifest or index: its bytes as the registry has them, and what they are. */
export interface RawManifest {
    readonly descriptor: Descriptor;
    readonly bytes: Uint8Array;
}
/** The longest manifest that is read or written, in bytes (distribution-spec, "Pushing Manifests"). */
export declare const manifestLimit: number;
/**
 * Gets a manifest by tag or digest, checked against its digest. Undefined where the registry has none.
 * @throws RegistryError `ERR_BOX_REGISTRY…`; `ERR_BOX_DIGEST_MISMATCH`; `ERR_BOX_LIMIT`; `ERR_BOX_UNSUPPORTED` for Docker's first schema.
 */
export declare function getManifest(repository: Repository, reference: string, signal: AbortSignal | undefined): Promise<RawManifest | undefined>;
/** Asks whether a manifest is there, without its bytes. */
export declare function hasManifest(repository: Repository, reference: string, signal: AbortSignal | undefined): Promise<boolean>;
/**
 * Puts a manifest under a tag or its digest. The bytes are sent as they are. Gives the subject as far as the registry says that it
 * lists the manifest by it (`OCI-Subject`).
 */
export declare function putManifest(repository: Repository, reference: string, manifest: RawManifest, signal: AbortSignal | undefined): Promise<{
    readonly subject: string | undefined;
}>;
/** Deletes a manifest (by digest), or the name alone (by tag) where the registry can. */
export declare function deleteManifest(repository: Repository, reference: string, signal: AbortSignal | undefined): Promise<void>;
/** Whether a media type is that of Docker's manifests before their second schema. */
export declare function isFirstSchema(mediaType: string): boolean;
export declare function firstSchema(name: string): BoxError;

// client/repository.d.ts
import type { Access } from '../auth/authorizer.ts';
import type { Reply } from '../egress/reply.ts';
import type { Exchange, ExchangeRequest } from '../http/exchange.ts';
/** One repository of one registry: what every request about it begins with. */
export declare class Repository {
    readonly exchange: Exchange;
    /** The path inside the registry: `library/alpine`. It has passed the reference grammar, so it is safe as a part of a URL. */
    readonly path: string;
    constructor(exchange: Exchange, path: string);
    get registry(): string;
    /** The name for messages: `docker.io/library/alpine`. */
    get name(): string;
    /** Whether the other one is in the same registry, so that blobs can be mounted from it. */
    isBeside(other: Repository): boolean;
    /** `path` begins after the repository: `manifests/latest`. */
    url(path: string): URL;
    access(actions: 'pull' | 'pull,push' | 'delete', from?: Repository): Access;
    send(request: ExchangeRequest): Promise<Reply>;
}

// client/upload.d.ts
import { type Descriptor } from '@box/core';
import type { Repository } from './repository.ts';
/** A blob upload that is open in a registry (distribution-spec, "Pushing a blob in chunks"). */
export interface Session {
    /** Where the next request goes. The registry says so anew with every answer. */
    readonly location: URL;
    /** How many bytes the registry has. */
    readonly offset: number;
    /** The shortest chunk that the registry takes, the last one excepted. */
    readonly shortestChunk: number;
}
/** Bytes of a blob from `start` up to and without `end`. Each call gives them anew. */
export type Slice = (start: number, end: number) => AsyncIterable<Uint8Array>;
/** Opens an upload, or has the registry take the blob over from another repository: then there is no session. */
export declare function beginUpload(repository: Repository, descriptor: Descriptor, mountFrom: Repository | undefined, signal: AbortSignal): Promise<Session | 'mounted'>;
/** Sends the bytes from the session's offset up to `end`. @throws RegistryError where the registry does not take them. */
export declare function sendChunk(repository: Repository, descriptor: Descriptor, session: Session, slice: Slice, end: number, signal: AbortSignal): Promise<Session>;
/** Asks the registry how far it got. Undefined where it has forgotten the session or does not tell. */
export declare function uploadStatus(repository: Repository, descriptor: Descriptor, session: Session, signal: AbortSignal): Promise<Session | undefined>;
/** Ends the upload: the registry checks the digest. With `slice`, the whole blob is the request's body. */
export declare function finishUpload(repository: Repository, descriptor: Descriptor, session: Session, slice: Slice | undefined, signal: AbortSignal): Promise<void>;

// config/certs-d.d.ts
import type { Certificates } from '../egress/connector.ts';
/**
 * Reads certificates as docker and podman keep them (containers-certs.d(5)): in each of the folders a folder for a registry (`registry.example:5000`) with
 * authorities (`*.crt`), which are trusted beside the built-in ones, and a client's certificate and key (`client.cert`, `client.key`). Where several
 * folders have a registry, the first one counts. Gives what the option `certs` takes.
 * @param folders Default: `~/.config/containers/certs.d`, `/etc/containers/certs.d`, `/etc/docker/certs.d`.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID` for a certificate without its key, a key without its certificate, and more than one of them; `ERR_BOX_SYSTEM`, `ERR_BOX_LIMIT`.
 */
export declare function certsFromFolders(folders?: readonly string[]): Promise<Record<string, Certificates>>;

// config/load-registries.d.ts
import type { RegistryRule } from './registry-rules.ts';
import type { ShortNames } from './short-names.ts';
export interface RegistriesConfOptions {
    /** The file. Default: `~/.config/containers/registries.conf` where it is there, else `/etc/containers/registries.conf`. */
    readonly path?: string;
    /**
     * Folders whose files `*.conf` are read after it, in the order of their names: a rule replaces the one of the same prefix. Default, without
     * `path`: `/etc/containers/registries.conf.d`, then `~/.config/containers/registries.conf.d`; else none.
     */
    readonly folders?: readonly string[];
}
/**
 * Reads the rules of `registries.conf` and its drop-in folders as podman, skopeo and buildah do (containers-registries.conf(5) and
 * containers-registries.conf.d(5)). What is not there says nothing.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_LIMIT`, `ERR_BOX_SYSTEM`.
 */
export declare function registriesConf(options?: RegistriesConfOptions): Promise<readonly RegistryRule[]>;
/**
 * Reads what the same files say of names without a registry; a later file's aliases replace those of the same names, its list and its mode all that came before.
 * Without `path`, also the aliases that podman has recorded, which count before all others (`short-name-aliases.conf` in `/var/cache/containers` for root, else in
 * `$XDG_CACHE_HOME/containers` or `~/.cache/containers`). Errors as for `registriesConf`.
 */
export declare function shortNamesConf(options?: RegistriesConfOptions): Promise<ShortNames>;

// config/registries-conf.d.ts
import type { RegistryRule } from './registry-rules.ts';
import { type ShortNames } from './short-names.ts';
/** The longest file that is read, in bytes. */
export declare const registriesConfLimit: number;
/**
 * Reads the text of a `registries.conf` in version 2 of its format (containers-registries.conf(5)): the tables `[[registry]]` and their
 * mirrors.
 * @param path For messages.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID` for what is no TOML, is in the first version of the format, or has a field of another type or meaning.
 */
export declare function parseRegistriesConf(text: string, path?: string): readonly RegistryRule[];
/** What the same text says of names without a registry: `unqualified-search-registries`, `short-name-mode` and `[aliases]`. Errors as for `parseRegistriesConf`. */
export declare function parseShortNames(text: string, path?: string): ShortNames;

// config/registry-rules.d.ts
/** What the configuration says of the registries, namespaces and images below one prefix (containers-registries.conf(5), "registry"). */
export interface RegistryRule {
    /** `registry.example`, `registry.example:5000/team`, `registry.example/team/app:1`, or `*.registry.example` for every host below that one. */
    readonly prefix: string;
    /** What is put in the place of the prefix. Default: the prefix itself. */
    readonly location?: string;
    /** Whether the location is spoken to over plain HTTP. Default `false`. */
    readonly insecure?: boolean;
    /** Whether nothing below the prefix may be used. Default `false`. */
    readonly blocked?: boolean;
    /** Where to read from first, in their order. */
    readonly mirrors?: readonly RegistryRuleMirror[];
}
/** A place with a copy of what is below a rule's prefix, which its location is put in the place of. */
export interface RegistryRuleMirror {
    readonly location: string;
    readonly insecure?: boolean;
    /** `digest-only`: only what is named by a digest is asked of it; `tag-only`: only images that are named by a tag. Default `all`. */
    readonly pull?: 'all' | 'digest-only' | 'tag-only';
}
/** Where an image, or its repository, is read from. */
export interface RuleMatch {
    readonly rule: RegistryRule;
    /** The repository, with its registry, at the rule's own location. */
    readonly location: string;
    readonly mirrors: readonly {
        readonly location: string;
        readonly digestOnly: boolean;
    }[];
}
/** An image as a rule sees it. */
export interface RuleSubject {
    /** The registry and the repository: `docker.io/library/alpine`. */
    readonly name: string;
    readonly tag: string | undefined;
    readonly digest: string | undefined;
}
/** The rule with the longest prefix that fits, and the locations that it leads to. */
export declare function matchRule(rules: readonly RegistryRule[], subject: RuleSubject): RuleMatch | undefined;
/** Every registry that some rule names as one to speak to over plain HTTP; by `fits` also those that are only known by a wildcard. */
export declare function insecureHosts(rules: readonly RegistryRule[]): {
    readonly hosts: readonly string[];
    readonly fits: (host: string) => boolean;
};

// config/short-names.d.ts
import { BoxError } from '@box/core';
import { type Reference } from '@box/oci';
/** What names without a registry mean (containers-registries.conf(5), "unqualified-search-registries" and "aliases"). */
export interface ShortNames {
    /** By name, without tag and digest (`fedora`, `team/app`), the repository that it means: `registry.fedoraproject.org/fedora`. Empty: it is no alias. */
    readonly aliases?: Readonly<Record<string, string>>;
    /** The registries (`host`, `host:port`) in which other names are looked for, in their order. */
    readonly search?: readonly string[];
    /** Whether a name that several registries may have is an error (`enforcing`), or read from the first that has it. Default `permissive`. */
    readonly mode?: 'enforcing' | 'permissive' | 'disabled';
}
/** Whether the text can be the name of an alias: without registry, tag and digest. */
export declare function isAliasName(name: string): boolean;
/** Whether the text can be what an alias means: a registry and a repository, without tag and digest. */
export declare function isAliasTarget(target: string): boolean;
/**
 * What a reference may mean, in the order in which it is looked for. A name with a registry means itself, as does every name where nothing is said of short ones.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID` for what is no reference, for a short name that nothing is known of, and for one that means several.
 */
export declare function meaningsOf(text: string, shortNames: ShortNames | undefined): readonly [Reference, ...Reference[]];
/** For what can't be tried in one registry after another. */
export declare function ambiguous(text: string, search: readonly string[]): BoxError;
/** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
export declare function checkShortNames({ aliases, search, mode }: ShortNames): void;

// copy.d.ts
import { Task, type Descriptor } from '@box/core';
import { type RegistryOptions } from './registry.ts';
import type { CopyFrom, CopyOptions, CopyTo } from './transfer/copy.ts';
import type { TransferEvent } from './transfer/events.ts';
/**
 * Copies an image from any of reference and source to any of reference and sink, with a client of its own for the one copy:
 * registry to registry, registry to layout folder, layout folder to registry. All platforms of an index by default.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for options that no client takes; everything else is the task's outcome.
 */
export declare function copy(from: string | CopyFrom, to: string | CopyTo, options?: CopyOptions & RegistryOptions): Task<Descriptor, TransferEvent>;

// egress/addresses.d.ts
/**
 * What kind of place an address is (IANA special-purpose address registries, RFC 6890). `reserved` is what no registry can be at:
 * unspecified, multicast, documentation and future use.
 */
export type Zone = 'public' | 'private' | 'loopback' | 'link-local' | 'reserved';
/** The zone of an IP address. What is not an IP address is `reserved`, and so reachable by nobody. */
export declare function zoneOf(address: string): Zone;
/** Whether a host name can only mean this machine (RFC 6761, 6.3). Anchored: `localhost.example.com` does not. */
export declare function isLoopbackName(hostname: string): boolean;
/** A URL's hostname with the brackets of an IPv6 address removed. */
export declare function unbracketed(hostname: string): string;

// egress/allowance.d.ts
/** What a caller allows beyond the rules: addresses, networks (`10.0.0.0/8`), host names, or hosts with their port. */
export declare class Allowance {
    #private;
    /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an entry that is neither a network nor a host. */
    constructor(entries?: readonly string[]);
    /** Whether the URL's host is allowed by its name, wherever it is. */
    names(url: URL): boolean;
    holds(address: string): boolean;
}

// egress/connector.d.ts
import type { buildConnector } from 'undici';
import type { Home } from './home.ts';
import type { ReceiveMemory } from './receive-memory.ts';
import { type EgressRules } from './rules.ts';
type Connector = buildConnector.connector;
type BuildConnector = (options?: buildConnector.BuildOptions) => Connector;
/** Certificates for one registry. PEM text or bytes, as node:tls takes them. */
export interface Certificates {
    /** Authorities that are trusted for this registry, in place of the built-in ones. */
    readonly ca?: string | Buffer | readonly (string | Buffer)[];
    /** The client's certificate. It is shown to this registry's own origin only. */
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
}
/**
 * Connects for one registry. The addresses that a name stands for are checked when they are looked up, and the address that was connected
 * to once more, so that neither a literal address nor a name that changes its meaning leads where it may not.
 */
export declare function connectorFor(home: Home, rules: EgressRules, certificates: Certificates | undefined, timeout: number, memory: ReceiveMemory, build: BuildConnector): Connector;
/** The certificates as node:tls takes them. */
export declare function tlsOptions(certificates: Certificates | undefined): {
    ca?: (string | Buffer)[];
    cert?: string | Buffer;
    key?: string | Buffer;
};
export {};

// egress/dispatch.d.ts
import type { Dispatcher } from 'undici';
import { Body, type BodyMemory } from '../http/body.ts';
type Headers = Readonly<Record<string, string | string[] | undefined>>;
/** An answer's head, and its body as it arrives. */
export interface Answer {
    readonly status: number;
    readonly headers: Headers;
    readonly body: Body;
}
/**
 * Sends a request and gives the answer's head. Unlike a Node stream the body gives every byte that arrived before it tells that the
 * connection broke, so that none of them has to be asked for again. Aborting takes effect at once, also while connecting.
 */
export declare function dispatch(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions, memory: BodyMemory, signal: AbortSignal | undefined): Promise<Answer>;
export {};

// egress/egress.d.ts
import { type Certificates } from './connector.ts';
import { type Home } from './home.ts';
import { type Proxy } from './proxy.ts';
import { Reply } from './reply.ts';
export interface EgressOptions {
    /**
     * Hosts (`name`, `name:port`), addresses and networks (`10.0.0.0/8`) that a registry may lead to though they are loopback, private or
     * link-local. Default: none; a registry on such an address may lead to addresses of the same kind, link-local ones excepted.
     */
    readonly allow?: readonly string[];
    /** Whether a registry itself may be on a loopback or private address. Default `true`; a service that pulls what strangers name sets `false`. */
    readonly privateRegistries?: boolean;
    /**
     * By registry, the hosts of token services that its credentials may be given to. The registry's own host, names below and above it, and the service that is
     * known for it (`auth.docker.io` for `docker.io`) are allowed without being named.
     */
    readonly realms?: Readonly<Record<string, readonly string[]>>;
    /** The time allowed for connecting, in milliseconds. Default 10,000. */
    readonly connectTimeout?: number;
    /** The time without any byte after which an answer is given up, in milliseconds. Default 60,000. */
    readonly idleTimeout?: number;
}
/** A request body that can be made anew, so that a request can be repeated. */
export type RequestBody = Uint8Array | (() => AsyncIterable<Uint8Array>);
export interface EgressRequest {
    readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
    readonly url: URL;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: RequestBody | undefined;
    readonly signal?: AbortSignal | undefined;
}
/**
 * The one way out: every request that this package makes goes through `send`, which follows nothing by itself. Connections are kept per
 * registry, so that one opened because a caller named a host never serves another registry that leads there.
 */
export declare class Egress {
    #private;
    constructor(options: EgressOptions, isInsecure: (host: string) => boolean, certificates: Readonly<Record<string, Certificates>>, proxy?: Proxy);
    /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the name is not a host with an optional port. */
    home(registry: string): Home;
    /** Hosts that the registry's credentials may be given to beside its own. */
    realms(home: Home): readonly string[];
    /**
     * Sends one request and gives the answer's head, whatever its status; the caller reads or discards the body.
     * @throws RegistryError `ERR_BOX_EGRESS_DENIED`. What the connection failed of is thrown as it is.
     */
    send(home: Home, request: EgressRequest): Promise<Reply>;
    /** Ends every connection at once. */
    close(): Promise<void>;
}

// egress/home.d.ts
import { type Zone } from './addresses.ts';
/** Where a registry is: the origin that its references lead to, and what was learned of the place by connecting to it. */
export interface Home {
    /** The registry as references name it: `docker.io`, `localhost:5000`. */
    readonly registry: string;
    /** Scheme, host and port of its API. */
    readonly origin: URL;
    /** Plain HTTP was not asked for but taken because the name means this machine: then nothing but loopback may answer. */
    readonly mustBeLoopback: boolean;
    /** The zone of the address that it first answered from. */
    zone: Zone | undefined;
}
export interface HomeOptions {
    /** Whether a registry (`host` or `host:port`) is spoken to over plain HTTP. */
    readonly isInsecure: (host: string) => boolean;
    /** Registries that have certificates of their own, and so are spoken to over TLS even on this machine. */
    readonly withCertificates: readonly string[];
}
/**
 * The home of a registry: HTTPS, unless plain HTTP was asked for or its name means this machine.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the name is not a host with an optional port.
 */
export declare function homeOf(registry: string, options: HomeOptions): Home;

// egress/proxy.d.ts
/** The URL of an HTTP proxy, with user information where it wants some, or what gives it for an address (undefined: none). */
export type Proxy = string | ((url: URL) => string | undefined);
/**
 * The proxies of the environment, as they are when this is called: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and their lower-case forms, which
 * come first. `NO_PROXY` lists host names (with all names below them), `host:port`, addresses and networks, separated by commas; `*` is all.
 */
export declare function proxyFromEnvironment(environment?: NodeJS.ProcessEnv): (url: URL) => string | undefined;
/**
 * The proxy for an address. Addresses of this machine are never asked of a proxy, for which they are another machine.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the proxy is not the URL of one.
 */
export declare function proxyFor(proxy: Proxy | undefined, url: URL): string | undefined;

// egress/receive-memory.d.ts
import type { OnReadOpts } from 'node:net';
/** Where a connection receives to. */
export interface Inlet {
    readonly onread: OnReadOpts;
    /** The connection itself, set before the first byte arrives. */
    socket: {
        push(chunk: Uint8Array): boolean;
    } | undefined;
}
/**
 * The memory that connections receive into, used again: memory that is new for every read costs more than all else about receiving. A slab is used again
 * when every byte that was received into it came back. A slab with a byte that does not come back (the head of an answer, the frames of chunks, what
 * nobody read) is left to the garbage collector, so that whoever keeps a part of such a read keeps what he saw.
 */
export declare class ReceiveMemory {
    #private;
    /** For one connection. */
    inlet(): Inlet;
    /** Gives back a part of what was received, which nobody reads any more. Memory of others is left alone. */
    giveBack(chunk: Uint8Array): void;
    /** The same bytes in memory that stays as it is when the chunk is given back. */
    kept(chunk: Uint8Array): Uint8Array;
}

// egress/reply.d.ts
import type { Answer } from './dispatch.ts';
/** An answer: its head, and its body as it arrives. The body is either read or discarded, or the connection is lost to others. */
export declare class Reply {
    #private;
    readonly registry: string;
    /** Where the answer came from, after redirects. */
    readonly url: URL;
    readonly status: number;
    constructor(registry: string, url: URL, answer: Answer);
    /** A header's value; several of the same name are joined as RFC 9110, 5.3 says. */
    header(name: string): string | undefined;
    /** A header's value where it is a whole number of bytes. */
    length(name: string): number | undefined;
    /**
     * The body as it arrives; a reader that stops early ends the connection.
     * @param lent Whether the reader is done with a chunk when he asks for the next one: then its memory is used again.
     */
    stream(lent?: boolean): AsyncIterable<Uint8Array>;
    /** The whole body. @throws RegistryError `ERR_BOX_LIMIT` where it is longer than `limit` bytes. */
    bytes(limit: number): Promise<Uint8Array>;
    /** Lets go of the body: a short one is read so that the connection can be used again, a longer one ends it. One that breaks off is no error: nobody wants it. */
    discard(): Promise<void>;
    /** Ends the connection without reading what is left. */
    abandon(): void;
}

// egress/rules.d.ts
import { RegistryError } from '../errors.ts';
import type { Allowance } from './allowance.ts';
import type { Home } from './home.ts';
export interface EgressRules {
    readonly allow: Allowance;
    /** Whether a host (`name`, `name:port`) may be spoken to over plain HTTP. */
    readonly isInsecure: (host: string) => boolean;
    /** Whether a registry itself may be on a loopback or private address. */
    readonly privateRegistries: boolean;
}
/**
 * Checks a URL before anything is sent: only http(s), no user information, never from https to http, plain HTTP to another origin only
 * where that is this machine as well or was asked for.
 * @throws RegistryError `ERR_BOX_EGRESS_DENIED`.
 */
export declare function checkUrl(home: Home, url: URL, rules: EgressRules): void;
/**
 * Whether the address that a request is about to connect to, or is connected to, may serve the URL for this registry.
 * Gives the reason for a refusal.
 */
export declare function addressRefusal(home: Home, url: URL, address: string, rules: EgressRules): string | undefined;
/** The refusal of an address that the URL itself is written with. A name is checked when it is looked up. */
export declare function literalRefusal(home: Home, url: URL, rules: EgressRules): string | undefined;
export declare function denied(home: Home, url: URL, reason: string, hint?: string): RegistryError;

// errors.d.ts
import { BoxError, type BoxErrorDetails, type ErrorCode } from '@box/core';
/** One entry of a registry's error body (distribution-spec, "Error Codes"). The text is the registry's: data, shortened and without control characters. */
export interface RegistryErrorEntry {
    readonly code: string;
    readonly message: string;
}
export interface RegistryErrorDetails extends BoxErrorDetails {
    /** The registry as the reference names it: `docker.io`, `localhost:5000`. */
    readonly registry: string;
    /** The HTTP status of the answer, where there was one. */
    readonly status?: number | undefined;
    readonly errors?: readonly RegistryErrorEntry[] | undefined;
    /** How long the registry asked to wait before the next try (`Retry-After`), in milliseconds. */
    readonly retryAfter?: number | undefined;
}
/** A BoxError that a registry, or the way to it, is the reason of. Credentials and tokens are in none of its fields. */
export declare class RegistryError extends BoxError {
    readonly name: string;
    readonly registry: string;
    readonly status: number | undefined;
    readonly errors: readonly RegistryErrorEntry[];
    readonly retryAfter: number | undefined;
    constructor(code: ErrorCode, message: string, details: RegistryErrorDetails);
    static [Symbol.hasInstance](value: unknown): boolean;
}

// http/body.d.ts
/** What the bytes come from: it is told to wait, to go on, and that nobody reads on. */
export interface Flow {
    readonly paused: boolean;
    pause(): void;
    resume(): void;
    abort(reason: Error): void;
}
/** The memory that the chunks are in. */
export interface BodyMemory {
    /** Takes back a chunk that nobody reads any more. */
    giveBack(chunk: Uint8Array): void;
    /** The same bytes in memory that stays as it is when the chunk is given back. */
    kept(chunk: Uint8Array): Uint8Array;
}
/**
 * The bytes of a message as they arrive. They are read once, by iterating. Unlike a Node stream it gives every byte that arrived before it tells that the
 * connection broke.
 */
export declare class Body implements AsyncIterable<Uint8Array> {
    #private;
    /** Called once, when nothing more comes. */
    onEnd: () => void;
    /** @param memory Where the chunks are in memory that is used again. */
    constructor(memory?: BodyMemory);
    start(flow: Flow): void;
    push(chunk: Uint8Array): void;
    end(): void;
    /** Ends the body with a reason, and the connection with it. What arrived before is still given. */
    fail(reason: unknown): void;
    /** Lets go of what is left. */
    abandon(): void;
    /** The chunks. Their memory is the reader's. */
    [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void>;
    /** The chunks, whose memory is used again: a chunk is the reader's until he asks for the next one. */
    lent(): AsyncGenerator<Uint8Array, void, void>;
}

// http/exchange.d.ts
import type { Access, Authorizer } from '../auth/authorizer.ts';
import type { Egress, EgressRequest } from '../egress/egress.ts';
import type { Home } from '../egress/home.ts';
import type { Reply } from '../egress/reply.ts';
import { type RetryPolicy } from './retry.ts';
export interface ExchangeRequest extends Omit<EgressRequest, 'headers'> {
    readonly headers?: Readonly<Record<string, string>>;
    readonly access: Access;
    /** Whether a transient failure is worth the same request again. Default `true`. A caller that recovers in another way says `false`. */
    readonly retry?: boolean;
}
/** An answer, and its body where that was read. */
export interface Received {
    readonly reply: Reply;
    readonly body: Uint8Array;
}
/** Speaks to one registry: authorises, follows redirects and repeats what failed for the moment. */
export declare class Exchange {
    #private;
    readonly home: Home;
    constructor(home: Home, egress: Egress, authorizer: Authorizer, retry: RetryPolicy);
    /** How often and after what wait something is tried again. */
    get retry(): RetryPolicy;
    /** An address of the registry's API. `path` begins after `/v2/`. */
    url(path: string): URL;
    /**
     * Sends the request and gives the answer, whatever its status.
     * @throws RegistryError `ERR_BOX_EGRESS_DENIED`, `ERR_BOX_REGISTRY_UNREACHABLE`; the reason of an aborted signal.
     */
    send(request: ExchangeRequest): Promise<Reply>;
    /**
     * As `send`, and gives the whole body where the status is 200, of at most `limit` bytes. One that breaks off is asked for again.
     * @throws RegistryError `ERR_BOX_LIMIT`; as for `send`.
     */
    read(request: ExchangeRequest, limit: number): Promise<Received>;
    /** Sends a request to an address that a document names, without credentials, and follows its redirects. It is not repeated. */
    anonymously(request: Omit<ExchangeRequest, 'access'>): Promise<Reply>;
}
/** The `Location` of an answer, resolved against where the answer came from. */
export declare function locationOf(reply: Reply): URL | undefined;

// http/retry.d.ts
export interface RetryOptions {
    /** How often a request is tried in all. Default 5. */
    readonly attempts?: number;
    /** The wait before the second try is a random time up to this, in milliseconds; each further one may be twice as long. Default 250. */
    readonly delay?: number;
    /** The longest wait, in milliseconds. Default 30,000. A registry that asks for a longer one (`Retry-After`) is given up. */
    readonly maxDelay?: number;
}
/** How often and after what wait a request is repeated. */
export declare class RetryPolicy {
    #private;
    readonly attempts: number;
    /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
    constructor({ attempts, delay, maxDelay }?: RetryOptions);
    /**
     * Waits before try `attempt` + 1 (the first try is 1). Gives false, at once, where there is to be none.
     * Rejects with the signal's reason when it is aborted.
     */
    wait(attempt: number, retryAfter: number | undefined, signal: AbortSignal | undefined): Promise<boolean>;
    /** Whether there is patience for what a registry asks for (`Retry-After`). */
    bears(retryAfter: number | undefined): boolean;
    /** Waits so many milliseconds. Rejects with the signal's reason when it is aborted. */
    sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>;
}
/** Statuses that say "not now" (RFC 9110, 15.5.9, 15.6; RFC 6585, 4). */
export declare function isTransient(status: number): boolean;
/** `Retry-After` (RFC 9110, 10.2.3) in milliseconds from `now`, or undefined where it is absent or neither seconds nor a date. */
export declare function retryAfterOf(value: string | undefined, now?: number): number | undefined;

// registry.d.ts
import { type ByteRange, type Descriptor, type Digest, type ImageSink, type ImageSource, type Platform, type Task } from '@box/core';
import { type ImageDocument } from '@box/oci';
import { type Auth } from './auth/credentials.ts';
import type { Certificates } from './egress/connector.ts';
import { type ShortNames } from './config/short-names.ts';
import { type RegistryRule } from './config/registry-rules.ts';
import { type EgressOptions } from './egress/egress.ts';
import type { Proxy } from './egress/proxy.ts';
import { type RetryOptions } from './http/retry.ts';
import { type Artifact } from './transfer/artifact.ts';
import { type CopyFrom, type CopyOptions, type CopyTo } from './transfer/copy.ts';
import type { TransferEvent } from './transfer/events.ts';
import { type Mirrors } from './transfer/mirrors.ts';
import { type Policy } from './transfer/origins.ts';
export interface RegistryOptions {
    /** Credentials by registry, or what finds them. Default: none; nothing on the disk is read unless `dockerConfig()` or its like is given. */
    readonly auth?: Auth;
    /** By registry, the authorities and the client certificate to use. */
    readonly certs?: Readonly<Record<string, Certificates>>;
    /** Registries (`host` or `host:port`) that are spoken to over plain HTTP. Those on this machine's loopback are anyway. */
    readonly insecure?: readonly string[];
    /** By registry, the places to read from first. What is written goes to the registry itself. */
    readonly mirrors?: Mirrors;
    /** What is said of registries, namespaces and images by their prefix, as `registriesConf()` reads it: locations, mirrors, plain HTTP, and what is blocked. */
    readonly rules?: readonly RegistryRule[];
    /** What names without a registry mean, as `shortNamesConf()` reads it: aliases, and registries to look for them in. Default: they are Docker's. */
    readonly shortNames?: ShortNames;
    /** The HTTP proxy to go through: its URL, a function of the address, or `proxyFromEnvironment()`. Default: none. */
    readonly proxy?: Proxy;
    /** Where a registry may lead to. */
    readonly egress?: EgressOptions;
    /** How often what failed for the moment is tried again. */
    readonly retry?: RetryOptions;
    /**
     * A folder of its own, for the addresses of unfinished uploads: a push that is started again goes on where the registry is, for a day. Default: none,
     * and such a push begins its unfinished blobs anew.
     */
    readonly uploads?: string;
    /** How many blobs of all transfers of this client are on the way at a time from or to one registry. Default 8. */
    readonly perRegistry?: number;
    /** Called with each image of a registry before anything of it is used; it refuses by throwing. */
    readonly policy?: Policy;
}
export interface ImageOptions {
    /** The platform to pick from an index. */
    readonly platform?: Platform;
    readonly signal?: AbortSignal;
}
/**
 * A client of OCI registries (distribution-spec 1.1). One object speaks to any number of them and keeps their connections and tokens.
 * A reference is written as for Docker: `alpine:3`, `ghcr.io/owner/name@sha256:…`.
 */
export declare class Registry {
    #private;
    /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
    constructor(options?: RegistryOptions);
    /**
     * What a reference stands for; with `platform`, the manifest of that platform where it is an index.
     * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_REFERENCE_INVALID`, `ERR_BOX_REGISTRY…`, `ERR_BOX_EGRESS_DENIED`.
     */
    resolve(reference: string, options?: ImageOptions): Promise<Descriptor>;
    /** The manifest or index that a reference stands for, with its bytes as they are. Errors as for `resolve`, and `ERR_BOX_DOCUMENT_INVALID`. */
    manifest(reference: string, options?: ImageOptions): Promise<ImageDocument>;
    /**
     * The bytes of a blob of the reference's repository, checked while they come: the last step throws where the digest is wrong.
     * A part (`range`) cannot be checked.
     * @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_SIZE_MISMATCH`; as for `resolve`.
     */
    blob(reference: string, digest: Digest, options?: {
        readonly range?: ByteRange;
        readonly signal?: AbortSignal;
    }): AsyncIterable<Uint8Array>;
    /**
     * Brings an image into a sink, under `name` or the whole reference; of an index only `platform`, by default the one of this machine's
     * processor under Linux. Blobs that the sink has are not asked for, and what is half there is asked for from the middle on.
     */
    pull(reference: string, sink: ImageSink, options?: CopyOptions & {
        readonly name?: string;
    }): Task<Descriptor, TransferEvent>;
    /** Sends an image of a source, by `name` or the whole reference, to a registry. Blobs that are there are not sent. */
    push(source: ImageSource, reference: string, options?: CopyOptions & {
        readonly name?: string;
    }): Task<Descriptor, TransferEvent>;
    /** Copies an image from any of reference and source to any of reference and sink. All platforms of an index by default. */
    copy(from: string | CopyFrom, to: string | CopyTo, options?: CopyOptions): Task<Descriptor, TransferEvent>;
    /** The tags of the reference's repository. @throws as for `resolve`, at the first step. */
    tags(reference: string, options?: {
        readonly signal?: AbortSignal;
    }): AsyncIterable<string>;
    /**
     * The repositories of a registry (`localhost:5000`), where it lists them.
     * @throws BoxError `ERR_BOX_NOT_FOUND` where it does not, at the first step; as for `resolve`.
     */
    repositories(registry: string, options?: {
        readonly signal?: AbortSignal;
    }): AsyncIterable<string>;
    /** The manifests that name this one as their subject: signatures, attestations, bills of materials. */
    referrers(reference: string, options?: {
        readonly artifactType?: string;
        readonly signal?: AbortSignal;
    }): Promise<readonly Descriptor[]>;
    /**
     * Attaches an artifact to what the reference names, so that `referrers` finds it; where the registry has no such list, in the tag in its place.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where a type is no media type; as for `resolve`.
     */
    attach(reference: string, artifact: Artifact, options?: {
        readonly signal?: AbortSignal;
    }): Promise<Descriptor>;
    /** Deletes what the reference names: the manifest, by its digest, or else the tag alone, which not every registry can. */
    remove(reference: string, options?: {
        readonly signal?: AbortSignal;
    }): Promise<void>;
    /** Ends the connections. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

// server/authorize.d.ts
import type { IncomingHttpHeaders } from 'node:http';
/** What a request is about to do. A mount also asks for `pull` on the repository that it takes the blob from. */
export interface AccessRequest {
    readonly action: 'ping' | 'catalog' | 'pull' | 'push' | 'delete';
    /** Undefined for `ping` and `catalog`. */
    readonly repository: string | undefined;
    readonly method: string;
    readonly headers: IncomingHttpHeaders;
    /** What the header `Authorization: Basic …` says (RFC 7617). */
    readonly credentials: BasicCredentials | undefined;
    readonly remoteAddress: string | undefined;
}
export interface BasicCredentials {
    readonly username: string;
    readonly password: string;
}
/** `challenge` asks for (other) credentials, 401; `deny` is final, 403. */
export type Verdict = 'allow' | 'deny' | 'challenge';
/** Decides about every request before anything of it is looked at. It may throw: the answer is then 500. */
export type Authorize = (request: AccessRequest) => Verdict | Promise<Verdict>;
/**
 * An `Authorize` for which a user's name and password open everything. Serve with TLS: Basic credentials are as good as plain text.
 * @param check Says whether the password is that user's; compare with crypto.timingSafeEqual or a password hash.
 */
export declare function basicAuth(check: (username: string, password: string) => boolean | Promise<boolean>): Authorize;
/** Reads an `Authorization` header (RFC 7617). Undefined where it holds no Basic credentials. */
export declare function basicCredentials(header: string | undefined): BasicCredentials | undefined;

// server/index.d.ts
export { type AccessRequest, type Authorize, basicAuth, type BasicCredentials, type Verdict } from './authorize.ts';
export type { ServeLimits } from './limits.ts';
export { serve, type ServedRegistry, type ServeOptions } from './serve.ts';
export type { ServableStore } from './store.ts';

// server/limits.d.ts
/** What a client may ask of the server. Sizes are bytes, times milliseconds. */
export interface ServeLimits {
    /** The largest manifest that is taken: 4 MiB by default, which is the least that the specification demands and the most that image layouts read. */
    readonly manifestBytes?: number;
    /** The largest blob that is taken. No limit by default. */
    readonly blobBytes?: number;
    /** How many uploads may be open at a time: 256 by default. One more is answered with 429. */
    readonly uploads?: number;
    /** How long an upload may lie untouched before its bytes are removed: a day by default. */
    readonly uploadExpiry?: number;
    /** How many connections are held at a time: 1,024 by default. More are closed at once. */
    readonly connections?: number;
    /** How long a connection may be silent while a request is on its way: two minutes by default. */
    readonly idle?: number;
    /** How many bytes a second a request's body must bring on average once it is 30 seconds old: 512 by default. */
    readonly bytesPerSecond?: number;
    /** How long `close()` waits for answers that are on their way: 5 seconds by default. */
    readonly closing?: number;
}
export type Limits = Required<ServeLimits>;
/** The limits with their defaults. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` */
export declare function completeLimits(given?: ServeLimits): Limits;

// server/serve.d.ts
import type { Authorize } from './authorize.ts';
import { type ServeLimits } from './limits.ts';
import type { ServableStore } from './store.ts';
export interface ServeOptions {
    /** The address to listen on: `127.0.0.1` by default. */
    readonly host?: string;
    /** The port to listen on. 0, the default, takes one that is free. */
    readonly port?: number;
    /** Serve HTTPS with this certificate and key, in PEM. */
    readonly tls?: {
        readonly cert: string | Buffer;
        readonly key: string | Buffer;
    };
    /** Decides about each request. By default all are allowed. */
    readonly authorize?: Authorize;
    /** Refuse whatever would change the store, with 405. */
    readonly readOnly?: boolean;
    /** The folder for the bytes of unfinished uploads, best on the store's own disk. By default the system's for temporary files. */
    readonly uploads?: string;
    /** The repository in which names of the store that are a tag alone are served. By default they are not served. */
    readonly repository?: string;
    readonly limits?: ServeLimits;
    /** Closes the server. */
    readonly signal?: AbortSignal;
    /** Is told what went wrong inside, while the client gets a plain 500. */
    readonly onError?: (error: unknown, request: {
        readonly method: string;
        readonly url: string;
    }) => void;
}
/** A registry that is being served. */
export interface ServedRegistry {
    readonly host: string;
    readonly port: number;
    /** `http://127.0.0.1:5000` */
    readonly url: string;
    /**
     * Stops: no new connections, idle ones end at once, answers that are on their way have `limits.closing` to end. What uploads left is
     * removed. Calling it again waits for the same end.
     */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
/**
 * Serves a store as a registry by the OCI distribution specification 1.1. Resolves when it listens.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_SYSTEM` or `ERR_BOX_PERMISSION` where the address can't be listened on; the
 *   signal's reason where it is aborted already
 */
export declare function serve(store: ServableStore, options?: ServeOptions): Promise<ServedRegistry>;

// server/store.d.ts
import type { Descriptor, Digest, ImageSink } from '@box/core';
import type { NamedImage } from '@box/oci';
/**
 * What `serve` needs of a store. `layout()` of @box/oci is of this shape; so is anything that keeps blobs by digest and
 * descriptors by name. All that the server knows of repositories is in the names (see `names.ts`), so another program that writes to the
 * same store, even while it is served, is seen at the next request.
 */
export interface ServableStore extends ImageSink {
    /** Every name. */
    list(): AsyncIterable<NamedImage> | Iterable<NamedImage> | Promise<Iterable<NamedImage>>;
    /** Forgets the name and leaves the blobs. A name that is not there is no error. */
    untag(name: string): Promise<unknown>;
    /** Forgets the blob. A blob that is not there is no error. `ERR_BOX_STATE` says that the store can't do without it: it then stays. */
    remove(digest: Digest): Promise<unknown>;
    /** Every image of a store that has images without names, too. They are not served, and what they need is not removed. */
    index?(): Promise<{
        readonly manifests: readonly Descriptor[];
    }>;
}
/** Every name of the store, as it is now. */
export declare function allNames(store: ServableStore): Promise<readonly NamedImage[]>;
/** The images of the store that have no name. */
export declare function namelessImages(store: ServableStore): Promise<readonly Descriptor[]>;

// transfer/artifact.d.ts
import { type Descriptor, type ImageSource } from '@box/core';
/** What is attached to an image: a signature, a bill of materials, a note (image-spec, manifest.md, "Guidelines for Artifact Usage"). */
export interface Artifact {
    /** The media type that says what the whole is: `application/spdx+json`. */
    readonly artifactType: string;
    readonly parts?: readonly ArtifactPart[];
    readonly annotations?: Readonly<Record<string, string>>;
}
export interface ArtifactPart {
    readonly mediaType: string;
    readonly content: Uint8Array;
    readonly annotations?: Readonly<Record<string, string>>;
}
/**
 * The artifact as something to push from: its manifest, which names `subject`, and its parts.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where a type is no media type.
 */
export declare function artifactSource(artifact: Artifact, subject: Descriptor): {
    readonly source: ImageSource;
    readonly descriptor: Descriptor;
};

// transfer/convert.d.ts
import { type Descriptor } from '@box/core';
import { type ImageDocument } from '@box/oci';
import type { RawManifest } from '../client/manifests.ts';
/** The format of manifests: the image specification's, or Docker's second schema (distribution, "Image Manifest Version 2, Schema 2"). */
export type ManifestFormat = 'oci' | 'docker';
/**
 * Writes a manifest or an index in a format. What is in it already keeps its bytes. Configuration and layers keep theirs, and their digests, in any case;
 * annotations, which Docker's format does not have, are left out of it.
 * @param moved What the entries of an index have become, by their digest.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` for what the format has no word for: layers in zstd, artifacts, subjects.
 */
export declare function convertDocument(descriptor: Descriptor, document: ImageDocument, format: ManifestFormat, moved: ReadonlyMap<string, Descriptor>): RawManifest;

// transfer/copy.d.ts
import { Task, type Descriptor, type Digest, type ImageSink, type ImageSource, type Platform } from '@box/core';
import type { Repository } from '../client/repository.ts';
import type { RetryPolicy } from '../http/retry.ts';
import type { ManifestFormat } from './convert.ts';
import type { TransferEvent } from './events.ts';
import type { CopyHooks } from './hooks.ts';
import type { KeptUploads } from './kept-uploads.ts';
import type { Origin } from './origin.ts';
import type { RegistryLimits } from './registry-limits.ts';
/** A source to copy from; without a name, what the other side is named. */
export type CopyFrom = ImageSource | {
    readonly source: ImageSource;
    readonly name: string;
};
/** A sink to copy to; without a name, what the other side is named. */
export type CopyTo = ImageSink | {
    readonly sink: ImageSink;
    readonly name: string;
};
export interface CopyOptions {
    /** One platform of an index, or `'all'` that it holds. Default `'all'`; of `pull`, this machine's processor under Linux. */
    readonly platform?: Platform | 'all';
    /** How many blobs are on the way at a time. Default 4. */
    readonly concurrency?: number;
    /** The most bytes of a blob that one request of an upload carries. Default: all of them. */
    readonly chunkSize?: number;
    /**
     * Whether layers that a registry does not have are received from the addresses that their descriptors name (`urls`): without credentials, and only
     * where the registry itself may lead. Default `false`.
     */
    readonly foreignLayers?: boolean;
    /**
     * The format that manifests are written in: `'oci'`, or Docker's second schema, `'docker'`. A manifest that is in another one is written anew, and so has another
     * digest; configuration and layers keep their bytes. Default: every manifest as it is.
     * What Docker's format has no word for (layers in zstd, artifacts) is `ERR_BOX_UNSUPPORTED`; annotations are left out of it.
     */
    readonly format?: ManifestFormat;
    /** What is called before and after each part of the image, and may stop the copy by throwing. */
    readonly hooks?: CopyHooks;
    readonly signal?: AbortSignal;
}
/** A reference that was read: the repository, and what to ask it for. */
export interface Located {
    readonly repository: Repository;
    /** The digest where there is one, for a tag may have moved since; else the tag. */
    readonly name: string;
    readonly tag: string | undefined;
    readonly digest: Digest | undefined;
}
/** What a reference to read from may name, in the order in which it is looked for. */
export type Places = readonly [Located, ...Located[]];
export interface CopyContext {
    readonly locate: (reference: string) => Located;
    readonly places: (reference: string) => Places;
    readonly originOf: (places: Places, foreignLayers: boolean) => Origin;
    readonly retry: RetryPolicy;
    readonly uploads: KeptUploads | undefined;
    readonly limits: RegistryLimits;
}
/** Copies an image. Arguments that are wrong are thrown at once; what goes wrong later is the task's outcome. */
export declare function copyBetween(from: string | CopyFrom, to: string | CopyTo, options: CopyOptions, context: CopyContext): Task<Descriptor, TransferEvent>;

// transfer/events.d.ts
import type { Descriptor, Digest } from '@box/core';
/** What a transfer tells of one blob or manifest on the way. Sizes are bytes of the blob as it is stored. */
export interface TransferEvent {
    /**
     * `started`: bytes begin to flow; `progress`: more have; `copied`: all are there. `present`: it was there, nothing was sent.
     * `mounted`: the registry took it over from another of its repositories.
     */
    readonly type: 'started' | 'progress' | 'copied' | 'present' | 'mounted';
    readonly digest: Digest;
    readonly mediaType: string;
    /** How many bytes are there, those of an earlier try included. */
    readonly done: number;
    readonly total: number;
}
export type Emit = (event: TransferEvent) => void;
/** Tells of one blob. Progress comes at most a hundred times for a blob, however small its pieces. */
export declare class Progress {
    #private;
    constructor(descriptor: Descriptor, emit: Emit);
    tell(type: TransferEvent['type'], done: number): void;
    moved(done: number): void;
    end(type: 'copied' | 'present' | 'mounted'): void;
}

// transfer/hooks.d.ts
import type { Descriptor } from '@box/core';
/** What is called with each part of an image on its way: manifests, indexes, configurations, layers, each once. A copy waits for what they return, and fails with what they throw. */
export interface CopyHooks {
    /** Before anything of the part is moved. What is below a manifest comes after it. */
    readonly before?: CopyHook;
    /** When the part is there, whether it was copied, mounted or found: what is below a manifest before that is written, the whole image last, when it has its name. */
    readonly after?: CopyHook;
}
export type CopyHook = (descriptor: Descriptor, options: {
    readonly signal: AbortSignal;
}) => void | Promise<void>;

// transfer/kept-uploads.d.ts
import { type Descriptor } from '@box/core';
import { type HeldLock, type Locks } from '@box/oci';
import type { Repository } from '../client/repository.ts';
import type { Session } from '../client/upload.ts';
/**
 * The addresses of unfinished uploads, in a folder, so that a process that is started again goes on where an earlier one was killed. Who has such an
 * address may be able to add to the upload: the files are their owner's alone (0600), as is the folder (0700). An address is used for the blob, the repository and
 * the origin that it was given for and for nothing else, and only one on that origin is kept.
 */
export declare class KeptUploads {
    #private;
    constructor(folder: string, locks?: Locks);
    /**
     * Takes the place of one blob's upload to one repository. Undefined where someone else has it, who is sending that blob: two must not add to one upload.
     * @throws BoxError `ERR_BOX_STORE_INVALID` where others may write to the folder; `ERR_BOX_SYSTEM`.
     */
    claim(repository: Repository, descriptor: Descriptor): Promise<KeptUpload | undefined>;
    /** Removes what is kept of a blob that the repository has. */
    forget(repository: Repository, descriptor: Descriptor): Promise<void>;
}
/** What an address is for. */
interface Upload {
    readonly origin: string;
    readonly repository: string;
    readonly digest: string;
    readonly size: number;
}
/** The place of one upload in the folder, which this process has until it gives it back. */
export declare class KeptUpload {
    #private;
    /** What an earlier process left. How far the registry is, it has to be asked. */
    readonly earlier: Session | undefined;
    constructor(path: string, upload: Upload, lock: HeldLock, earlier: Session | undefined);
    /** Keeps where the upload goes on. An address on another origin is not kept, nor is the one that it takes the place of. @throws BoxError `ERR_BOX_SYSTEM`. */
    keep({ location, shortestChunk }: Session): Promise<void>;
    forget(): Promise<void>;
    /** Gives the place back; what is kept stays. */
    release(): Promise<void>;
}
export {};

// transfer/mirrors.d.ts
import { type Descriptor } from '@box/core';
import type { Opened, OpenOptions, Origin } from './origin.ts';
import type { BoundPolicy, RepositoryOrigin } from './origins.ts';
/** A place that has a copy of a registry's repositories: a registry, or a path in one that their paths are put behind. */
export interface Mirror {
    /** `mirror.example`, `mirror.example:5000/hub`. */
    readonly location: string;
    /** Whether it is asked only for what is named by its digest, so that no tag is taken from it. Default `false`. */
    readonly digestOnly?: boolean;
}
/** By registry, its mirrors in the order in which they are asked. The registry itself is asked last. */
export type Mirrors = Readonly<Record<string, readonly (string | Mirror)[]>>;
export interface Place {
    readonly origin: RepositoryOrigin;
    readonly digestOnly: boolean;
}
/** A repository with mirrors. Each is asked with its own credentials; what it has not, or fails to give, is asked of the next one. */
export declare class MirroredOrigin implements Origin {
    #private;
    readonly name: string;
    /** @param places The mirrors, and the registry itself last. */
    constructor(name: string, places: readonly Place[], policy: BoundPolicy | undefined);
    /** The one whose mirrors they are. */
    get registry(): string | undefined;
    resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>;
    document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
    open(descriptor: Descriptor, options: OpenOptions): Promise<Opened>;
}

// transfer/origin.d.ts
import type { Descriptor } from '@box/core';
/** A blob that is being read. */
export interface Opened {
    /** The first byte of `stream`: the one that was asked for, or 0 where the source cannot begin in the middle. */
    readonly start: number;
    readonly stream: AsyncIterable<Uint8Array>;
    /** What to show when asking for a further part, so that both are of the same content. */
    readonly validator?: string | undefined;
}
/** From where on a blob is read, and how. */
export interface OpenOptions {
    readonly start: number;
    /** What an earlier part came with. */
    readonly validator?: string | undefined;
    /** Whether the reader is done with a chunk when he asks for the next one, so that its memory may be used again. Default `false`: it is the reader's. */
    readonly lent?: boolean | undefined;
    readonly signal: AbortSignal;
}
/** What a graph copy reads from: a repository, or any image source. */
export interface Origin {
    /** For messages. */
    readonly name: string;
    /** The registry that it reads from. Undefined: it is no registry. */
    readonly registry?: string | undefined;
    resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>;
    /** The whole of a manifest or index. Whoever parses it checks it against its descriptor. */
    document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
    open(descriptor: Descriptor, options: OpenOptions): Promise<Opened>;
}

// transfer/origins.d.ts
import { type Descriptor, type Digest, type ImageSource } from '@box/core';
import { type ImageDocument } from '@box/oci';
import type { Repository } from '../client/repository.ts';
import type { Opened, OpenOptions, Origin } from './origin.ts';
/** What is asked before an image of a registry is used. It refuses by throwing. */
export type Policy = (image: {
    readonly reference: string;
    readonly descriptor: Descriptor;
}, options: {
    readonly registry: PolicyRegistry;
    readonly signal?: AbortSignal | undefined;
}) => void | Promise<void>;
/** What a policy reads with: the client that asks it, which does not ask it about that. */
export interface PolicyRegistry {
    /** @throws BoxError `ERR_BOX_NOT_FOUND`; as for `Registry.manifest`. */
    manifest(reference: string, options?: {
        readonly signal?: AbortSignal;
    }): Promise<ImageDocument>;
    blob(reference: string, digest: Digest, options?: {
        readonly signal?: AbortSignal;
    }): AsyncIterable<Uint8Array>;
}
/** A policy that knows its client. */
export type BoundPolicy = (image: Parameters<Policy>[0], options: {
    readonly signal?: AbortSignal | undefined;
}) => void | Promise<void>;
/** A repository to copy from. The manifests that were resolved are kept, so that no request is made twice. */
export declare class RepositoryOrigin implements Origin {
    #private;
    readonly repository: Repository;
    /** @param foreign Whether layers that the repository does not have are read from the addresses that their descriptors name. */
    constructor(repository: Repository, policy: BoundPolicy | undefined, foreign?: boolean);
    get name(): string;
    get registry(): string;
    resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>;
    document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
    open(descriptor: Descriptor, options: OpenOptions): Promise<Opened>;
}
/** A layout folder, a store or a memory to copy from. */
export declare class SourceOrigin implements Origin {
    #private;
    readonly name: string;
    constructor(source: ImageSource);
    resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>;
    document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
    open(descriptor: Descriptor, { start, signal }: OpenOptions): Promise<Opened>;
}
/** A whole manifest from a source of blobs. Whoever parses it checks it against its descriptor. */
export declare function documentOf(source: Pick<ImageSource, 'read'>, descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;

// transfer/registry-limits.d.ts
/** Lets so many blobs be on the way at a time from or to each registry, over all transfers of a client. */
export declare class RegistryLimits {
    #private;
    constructor(count: number);
    /**
     * Does the work when each of these registries has room for it. They are waited for in one order by everyone, so that nobody who has
     * one waits for another that is had by who waits for the first. Rejects with the signal's reason while it waits.
     */
    run<Value>(registries: readonly (string | undefined)[], signal: AbortSignal, work: () => Promise<Value>): Promise<Value>;
}

// verify/cosign.d.ts
import { KeyObject } from 'node:crypto';
import type { Policy } from '../transfer/origins.ts';
export interface CosignOptions {
    /** Public keys (PEM or KeyObject), one of which must have signed: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least 2,048 bits. */
    readonly keys: readonly (string | Buffer | KeyObject)[];
    /**
     * The repository that the signature must be for. Default: the one that the image is asked for by. An image that was copied with its signatures
     * keeps the repository that it was signed in: name that one.
     */
    readonly identity?: string;
    /** What the signer must have said beside (`cosign sign -a team=core`). Default: nothing. */
    readonly annotations?: Readonly<Record<string, string>>;
}
/**
 * A policy that lets an image pass only where one of the keys has signed it with cosign (cosign, "SIGNATURE_SPEC": the tag `sha256-….sig`
 * beside the image, claims in the simple signing format). The claim must be of the image's own digest, for its repository, and say what
 * `annotations` asks for. For an index the signature of the index counts: its images are bound to it by their digests.
 *
 * The policy throws `ERR_BOX_SIGNATURE_INVALID` where no signature does.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for no keys, and for keys that are not public keys of these kinds.
 */
export declare function cosignPolicy(options: CosignOptions): Policy;
