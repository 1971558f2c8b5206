import { type Authorize, basicCredentials } from './authorize.ts'
import { removeBlob, sendBlob } from './blobs.ts'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import type { Intake } from './intake.ts'
import type { Limits } from './limits.ts'
import { listReferrers, listRepositories, listTags } from './lists.ts'
import { receiveManifest, removeManifest, sendManifest } from './manifests.ts'
import { beginUpload, cancelUpload, continueUpload, finishUpload, type Receiving, reportUpload } from './receive.ts'
import { Refusal } from './refusal.ts'
import { readTarget, repositoryOf, type Target } from './route.ts'
import type { ServableStore } from './store.ts'
import type { Uploads } from './uploads.ts'

/** What answers are made from. */
export interface Service {
  readonly store: ServableStore
  readonly catalogue: Catalogue
  readonly intake: Intake
  readonly uploads: Uploads
  readonly limits: Limits
  readonly authorize: Authorize | undefined
  readonly readOnly: boolean
}

type Action = Parameters<Authorize>[0]['action']

/** Answers one request, or throws the Refusal that is to be the answer. */
export async function handle(exchange: Exchange, service: Service): Promise<void> {
  const target = readTarget(exchange.request.url ?? '')
  const action = actionOf(exchange.method, target)
  await admit(exchange, service, action, 'repository' in target.route ? target.route.repository : undefined)
  if (service.readOnly && (action === 'push' || action === 'delete')) throw new Refusal(405, 'UNSUPPORTED', 'this registry is read-only')
  await answer(exchange, service, target)
}

async function answer(exchange: Exchange, service: Service, { route, query }: Target): Promise<void> {
  const { method } = exchange
  const { store, catalogue, limits } = service
  const reads = method === 'GET' || method === 'HEAD'
  switch (route.kind) {
    case 'base':
      if (reads) return exchange.json(200, {})
      break
    case 'catalog':
      if (reads) return await listRepositories(exchange, catalogue, query)
      break
    case 'tags':
      if (reads) return await listTags(exchange, catalogue, route.repository, query)
      break
    case 'referrers':
      if (reads) return await listReferrers(exchange, catalogue, route.repository, route.digest, query)
      break
    case 'manifest':
      if (reads) return await sendManifest(exchange, catalogue, store, route.repository, route.reference)
      if (method === 'PUT')
        return await receiveManifest(exchange, catalogue, route.repository, route.reference, query, limits.manifestBytes)
      if (method === 'DELETE') return await removeManifest(exchange, catalogue, route.repository, route.reference)
      break
    case 'blob':
      if (reads) return await sendBlob(exchange, catalogue, store, route.repository, route.digest)
      if (method === 'DELETE') return await removeBlob(exchange, catalogue, route.repository, route.digest)
      break
    case 'uploads':
      if (method === 'POST') return await beginUpload(exchange, receiving(exchange, service), route.repository, query)
      break
    case 'upload':
      if (method === 'GET') return await reportUpload(exchange, receiving(exchange, service), route.repository, route.id)
      if (method === 'PATCH') return await continueUpload(exchange, receiving(exchange, service), route.repository, route.id)
      if (method === 'PUT') return await finishUpload(exchange, receiving(exchange, service), route.repository, route.id, query)
      if (method === 'DELETE') return await cancelUpload(exchange, receiving(exchange, service), route.repository, route.id)
      break
  }
  throw new Refusal(405, 'UNSUPPORTED', 'this endpoint has no such method', { headers: { Allow: allowed[route.kind] } })
}

const allowed: Record<Target['route']['kind'], string> = {
  base: 'GET, HEAD',
  catalog: 'GET, HEAD',
  tags: 'GET, HEAD',
  referrers: 'GET, HEAD',
  manifest: 'GET, HEAD, PUT, DELETE',
  blob: 'GET, HEAD, DELETE',
  uploads: 'POST',
  upload: 'GET, PATCH, PUT, DELETE',
}

function receiving(exchange: Exchange, service: Service): Receiving {
  const { intake, catalogue, uploads, limits } = service
  return {
    intake,
    catalogue,
    uploads,
    maxBytes: limits.blobBytes,
    mayPull: async (repository) => (await verdict(exchange, service, 'pull', repositoryOf(repository))) === 'allow',
  }
}

function actionOf(method: string, { route }: Target): Action {
  if (route.kind === 'base') return 'ping'
  if (route.kind === 'catalog') return 'catalog'
  if (method === 'DELETE' && route.kind !== 'upload') return 'delete'
  return route.kind === 'uploads' || route.kind === 'upload' || (method !== 'GET' && method !== 'HEAD') ? 'push' : 'pull'
}

async function admit(exchange: Exchange, service: Service, action: Action, repository: string | undefined): Promise<void> {
  switch (await verdict(exchange, service, action, repository)) {
    case 'allow':
      return
    case 'challenge':
      throw new Refusal(401, 'UNAUTHORIZED', 'credentials are needed', {
        headers: { 'WWW-Authenticate': 'Basic realm="registry", charset="UTF-8"' },
      })
    default:
      throw new Refusal(403, 'DENIED', 'this is not allowed')
  }
}

async function verdict(
  { request, method, headers }: Exchange,
  { authorize }: Service,
  action: Action,
  repository: string | undefined,
): Promise<'allow' | 'deny' | 'challenge'> {
  if (authorize === undefined) return 'allow'
  const credentials = basicCredentials(headers.authorization)
  return await authorize({ action, repository, method, headers, credentials, remoteAddress: request.socket.remoteAddress })
}
