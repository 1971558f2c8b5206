import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as oci from '../src/index.ts'

/** A document of the corpus in test/corpus, as bytes. */
export interface Sample {
  /** `manifest/good/image`, `manifest/bad/config absent`. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** A bad document: a good one with one thing changed, and where the error must be. */
export interface BadSample extends Sample {
  readonly pointer: string
}

const folder = join(__dirname, 'corpus')

export const parsers = {
  manifest: oci.parseManifest,
  index: oci.parseIndex,
  config: oci.parseImageConfig,
  layout: oci.parseLayout,
  errors: oci.parseRegistryErrors,
  tags: oci.parseTagList,
  catalog: oci.parseCatalog,
  'runtime-config': oci.parseRuntimeConfig,
  'runtime-state': oci.parseRuntimeState,
  'runtime-features': oci.parseRuntimeFeatures,
}

export type DocumentKind = keyof typeof parsers

export const kinds: readonly DocumentKind[] = [
  'manifest',
  'index',
  'config',
  'layout',
  'errors',
  'tags',
  'catalog',
  'runtime-config',
  'runtime-state',
  'runtime-features',
]

export function goodSamples(kind: DocumentKind): readonly Sample[] {
  const files = readdirSync(join(folder, kind, 'good')).toSorted()
  return files.map((file) => ({
    name: `${kind}/good/${file.replace(/\.json$/, '')}`,
    bytes: readFileSync(join(folder, kind, 'good', file)),
  }))
}

export function badSamples(kind: DocumentKind): readonly BadSample[] {
  const entries: readonly Change[] = JSON.parse(readFileSync(join(folder, kind, 'bad.json'), 'utf8'))
  return entries.map((entry) => {
    const document = { whole: JSON.parse(readFileSync(join(folder, kind, 'good', `${entry.from}.json`), 'utf8')) }
    for (const [pointer, value] of Object.entries(entry.set ?? {}))
      change(document, pointer, (holder, key) => Reflect.set(holder, key, value))
    for (const pointer of entry.remove ?? []) change(document, pointer, (holder, key) => Reflect.deleteProperty(holder, key))
    return { name: `${kind}/bad/${entry.name}`, pointer: entry.pointer, bytes: Buffer.from(JSON.stringify(document.whole)) }
  })
}

interface Change {
  readonly name: string
  readonly from: string
  readonly pointer: string
  readonly set?: Readonly<Record<string, unknown>>
  readonly remove?: readonly string[]
}

/** Calls `apply` with the object that the pointer's last step is in. */
function change(document: object, pointer: string, apply: (holder: object, key: string) => boolean): void {
  const steps = ['whole', ...pointer.split('/').slice(1)].map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let holder: unknown = document
  for (const step of steps.slice(0, -1)) holder = typeof holder === 'object' && holder !== null ? Reflect.get(holder, step) : undefined
  const key = steps.at(-1)
  if (typeof holder !== 'object' || holder === null || key === undefined || !apply(holder, key)) throw new Error(`nothing is at ${pointer}`)
}
