import { type ClientRequest, type IncomingHttpHeaders, request, type RequestOptions } from 'node:http'
import { digestOf, mediaTypes } from '@box/oci'
import type { ServedRegistry } from '../../src/server/index.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
}

export interface Question extends RequestOptions {
  readonly body?: string | Uint8Array
  /** Called with the request before its body is sent. */
  readonly begin?: (request: ClientRequest) => void
}

/** One request on a connection of its own, with the path exactly as it is given. */
export async function ask(registry: ServedRegistry, method: string, path: string, question: Question = {}): Promise<Answer> {
  const { body, begin, ...options } = question
  return await new Promise((resolve, reject) => {
    const sent = request({ host: registry.host, port: registry.port, method, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, text: whole.toString() })
      })
    })
    sent.on('error', reject)
    begin?.(sent)
    sent.end(body)
  })
}

/** The code of an error answer. */
export function codeOf({ text }: Answer): unknown {
  return JSON.parse(text).errors[0].code
}

export async function pushBlob(registry: ServedRegistry, repository: string, content: string | Uint8Array): Promise<string> {
  const digest = digestOf(content)
  const { status } = await ask(registry, 'POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: content })
  if (status !== 201) throw new Error(`the blob was answered with ${status}`)
  return digest
}

export interface ImageParts {
  readonly layers?: readonly string[]
  readonly extra?: Readonly<Record<string, unknown>>
}

/** A small manifest whose blobs are pushed first. */
export async function pushImage(registry: ServedRegistry, repository: string, reference: string, parts: ImageParts = {}): Promise<string> {
  const { layers = ['a layer'], extra = {} } = parts
  const config = await describe(registry, repository, mediaTypes.config, '{}')
  const described = []
  for (const layer of layers) described.push(await describe(registry, repository, mediaTypes.layer, layer))
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: described, ...extra })
  await pushManifest(registry, repository, reference === 'digest' ? digestOf(manifest) : reference, manifest)
  return digestOf(manifest)
}

export async function pushManifest(
  registry: ServedRegistry,
  repository: string,
  reference: string,
  manifest: string,
  mediaType: string = mediaTypes.manifest,
): Promise<Answer> {
  const headers = { 'Content-Type': mediaType }
  const answer = await ask(registry, 'PUT', `/v2/${repository}/manifests/${reference}`, { body: manifest, headers })
  if (answer.status !== 201) throw new Error(`the manifest was answered with ${answer.status}: ${answer.text}`)
  return answer
}

async function describe(registry: ServedRegistry, repository: string, mediaType: string, content: string): Promise<unknown> {
  return { mediaType, digest: await pushBlob(registry, repository, content), size: Buffer.byteLength(content) }
}
