import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { badSamples, type DocumentKind, goodSamples, kinds, parsers } from './corpus.ts'
import { findPublished, publishedValidators, type PublishedValidator } from './published.ts'

/** Where this project and a published schema disagree, and the sentence that decides. */
interface Difference {
  readonly documents: readonly string[]
  readonly here: 'accepted' | 'refused'
  readonly because: string
  readonly source: string
}

const published = findPublished()
const differences: readonly Difference[] = JSON.parse(readFileSync(join(__dirname, 'corpus', 'differences.json'), 'utf8'))
const withPublished = published === undefined ? describe.skip : describe

function verdict(kind: DocumentKind, bytes: Uint8Array): 'accepted' | 'refused' {
  try {
    parsers[kind](bytes)
    return 'accepted'
  } catch {
    return 'refused'
  }
}

function publishedVerdict(validate: PublishedValidator, bytes: Uint8Array): 'accepted' | 'refused' {
  try {
    return validate(JSON.parse(Buffer.from(bytes).toString())) ? 'accepted' : 'refused'
  } catch {
    return 'refused'
  }
}

withPublished('beside the published schemas (needs Go, and the network once)', () => {
  const validators: Readonly<Partial<Record<string, PublishedValidator>>> = published === undefined ? {} : publishedValidators(published)

  test('every document of the corpus is judged alike, or the difference is listed with the sentence that decides', () => {
    const found: Record<string, string> = {}
    for (const kind of kinds) {
      const validate = validators[kind]
      if (validate === undefined) continue
      for (const { name, bytes } of [...goodSamples(kind), ...badSamples(kind)]) {
        const here = verdict(kind, bytes)
        if (here !== publishedVerdict(validate, bytes)) found[name] = here
      }
    }
    const listed = Object.fromEntries(differences.flatMap(({ documents, here }) => documents.map((name) => [name, here])))
    expect(found).toEqual(listed)
  })

  test('the examples in the text of the image specification are accepted', () => {
    const examples = imageExamples(published?.imageSpec ?? '')
    expect(examples.length).toBeGreaterThanOrEqual(5)
    for (const { kind, text, file } of examples) expect([file, kind, verdict(kind, Buffer.from(text))]).toEqual([file, kind, 'accepted'])
  })

  test('the runtime specification’s own good documents are accepted, its bad ones refused', () => {
    for (const kind of ['config', 'state', 'features'] as const) {
      for (const quality of ['good', 'bad'] as const) {
        const folder = join(published?.runtimeSpec ?? '', 'schema', 'test', kind, quality)
        for (const file of readdirSync(folder)) {
          // What only other systems have is kept and not looked into.
          if (file.startsWith('freebsd-vnet')) continue
          const here = verdict(`runtime-${kind}`, readFileSync(join(folder, file)))
          expect([file, here]).toEqual([file, quality === 'good' ? 'accepted' : 'refused'])
        }
      }
    }
  })
})

const kindsByMediaType = new Map<string, DocumentKind>([
  ['application/vnd.oci.image.manifest.v1+json', 'manifest'],
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.oci.image.config.v1+json', 'config'],
  ['application/vnd.oci.layout.header.v1+json', 'layout'],
])

/** The blocks of the specification's text that say by their first line what they are. */
function imageExamples(folder: string): readonly { file: string; kind: DocumentKind; text: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^```json,title=[^\n]*&mediatype=([^\n&]+)\n([\s\S]*?)^```/gm)].flatMap(
        ([, type = '', text = '']) => {
          const kind = kindsByMediaType.get(decodeURIComponent(type))
          return kind === undefined ? [] : [{ file, kind, text }]
        },
      ),
    )
}
