import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { BoxError, channels, refuseUnknownOptions } from '@box/core'
import { isRepository } from '@box/oci'
import { serveLimits, serveOptions } from '../option-names.ts'
import type { Authorize } from './authorize.ts'
import { Catalogue } from './catalogue.ts'
import { Exchange } from './exchange.ts'
import { handle, type Service } from './handle.ts'
import { Intake } from './intake.ts'
import { completeLimits, type Limits, type ServeLimits } from './limits.ts'
import { listen } from './listen.ts'
import { Refusal } from './refusal.ts'
import type { ServableStore } from './store.ts'
import { Uploads } from './uploads.ts'

export interface ServeOptions {
  /** The address to listen on: `127.0.0.1` by default. */
  readonly host?: string
  /** The port to listen on. 0, the default, takes one that is free. */
  readonly port?: number
  /** Serve HTTPS with this certificate and key, in PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Decides about each request. By default all are allowed. */
  readonly authorize?: Authorize
  /** Refuse whatever would change the store, with 405. */
  readonly readOnly?: boolean
  /** The folder for the bytes of unfinished uploads, best on the store's own disk. By default the system's for temporary files. */
  readonly uploads?: string
  /** The repository in which names of the store that are a tag alone are served. By default they are not served. */
  readonly repository?: string
  readonly limits?: ServeLimits
  /** Closes the server. */
  readonly signal?: AbortSignal
  /** Is told what went wrong inside, while the client gets a plain 500. */
  readonly onError?: (error: unknown, request: { readonly method: string; readonly url: string }) => void
}

/** A registry that is being served. */
export interface ServedRegistry {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:5000` */
  readonly url: string
  /**
   * Stops: no new connections, idle ones end at once, answers that are on their way have `limits.closing` to end. What uploads left is
   * removed. Calling it again waits for the same end.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves a store as a registry by the OCI distribution specification 1.1. Resolves when it listens.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_SYSTEM` or `ERR_BOX_PERMISSION` where the address can't be listened on; the
 *   signal's reason where it is aborted already
 */
export async function serve(store: ServableStore, options: ServeOptions = {}): Promise<ServedRegistry> {
  refuseUnknownOptions('serve', options, serveOptions)
  refuseUnknownOptions('limits of serve', options.limits ?? {}, serveLimits)
  const { signal, repository } = options
  signal?.throwIfAborted()
  const limits = completeLimits(options.limits)
  if (repository !== undefined && !isRepository(repository))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(repository)} is not a repository`)
  const uploads = new Uploads(options.uploads, limits)
  await uploads.sweep()
  const ending = new AbortController()
  const intake = new Intake(store, ending.signal)
  const service: Service = {
    store,
    catalogue: new Catalogue(store, intake, repository, limits.manifestBytes),
    intake,
    uploads,
    limits,
    authorize: options.authorize,
    readOnly: options.readOnly ?? false,
  }
  const running = new Set<Promise<void>>()
  const server = createFor(options, limits, (request, response) => {
    const answered = respond(request, response, service, options.onError).finally(() => running.delete(answered))
    running.add(answered)
  })
  try {
    const { host, port } = await listen(server, options.host ?? '127.0.0.1', options.port ?? 0)
    signal?.throwIfAborted()
    const close = closer(server, limits, signal, ending, async () => {
      await Promise.all(running)
      await uploads.close()
    })
    const shown = host.includes(':') ? `[${host}]` : host
    return { host, port, url: `${options.tls === undefined ? 'http' : 'https'}://${shown}:${port}`, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    server.close()
    await uploads.close()
    throw error
  }
}

function createFor({ tls }: ServeOptions, limits: Limits, listener: RequestListener): Server {
  const options: ServerOptions = { headersTimeout: 30_000, requestTimeout: 0, keepAliveTimeout: 30_000, maxHeaderSize: 16 * 1024 }
  const server = tls === undefined ? createServer(options, listener) : createTlsServer({ ...options, ...tls }, listener)
  server.maxConnections = limits.connections
  server.timeout = limits.idle
  // The handlers say `100 Continue` when they begin to read, so that a refused body is never sent.
  server.on('checkContinue', listener)
  return server
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  service: Service,
  onError: ServeOptions['onError'],
): Promise<void> {
  const exchange = new Exchange(request, response, service.limits)
  const method = request.method ?? ''
  const url = request.url ?? ''
  try {
    await channels.serve.tracePromise(async () => await handle(exchange, service), { method, url })
  } catch (error) {
    if (error instanceof Refusal) exchange.refuse(error)
    else {
      if (!isDisconnect(error)) onError?.(error, { method, url })
      exchange.refuse(new Refusal(500, 'UNKNOWN', 'the registry failed'))
    }
  }
}

const disconnects = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'])

/** A client that went away is no error of the server's. */
function isDisconnect(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && disconnects.has(error.code)
}

/** The `close` of a server: one end, however often it is called, and also reached by the signal. */
function closer(
  server: Server,
  limits: Limits,
  signal: AbortSignal | undefined,
  ending: AbortController,
  after: () => Promise<void>,
): () => Promise<void> {
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= end())
  const onAbort = (): void => void close()
  async function end(): Promise<void> {
    signal?.removeEventListener('abort', onAbort)
    const deadline = setTimeout(() => {
      ending.abort(new BoxError('ERR_BOX_STATE', 'the registry was closed'))
      server.closeAllConnections()
    }, limits.closing)
    try {
      // Since Node 19 this also ends the connections that are idle; those in use end with their answer.
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await after()
    } finally {
      clearTimeout(deadline)
    }
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  return close
}
