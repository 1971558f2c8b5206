import addFormats from 'ajv-formats'
import Ajv04 from 'ajv-draft-04'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The specifications as the Open Container Initiative publishes them, in the module cache of Go. */
export interface Published {
  readonly imageSpec: string
  readonly runtimeSpec: string
}

/** Where the specifications are on this machine, fetched by `go mod download` where they are not yet. Undefined without Go or the network. */
export function findPublished(): Published | undefined {
  const imageSpec = moduleFolder('github.com/opencontainers/image-spec@v1.1.1')
  const runtimeSpec = moduleFolder('github.com/opencontainers/runtime-spec@v1.3.0')
  return imageSpec === undefined || runtimeSpec === undefined ? undefined : { imageSpec, runtimeSpec }
}

function moduleFolder(module: string): string | undefined {
  const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', module], { cwd: tmpdir(), encoding: 'utf8', timeout: 120_000 })
  if (status !== 0) return undefined
  const answer: { readonly Dir?: string } = JSON.parse(stdout)
  return answer.Dir
}

export type PublishedValidator = (value: unknown) => boolean

/** The published schemas by the names of this project's corpus. They refer to one another by file name. */
export function publishedValidators(published: Published): Readonly<Partial<Record<string, PublishedValidator>>> {
  const image = schemasIn(join(published.imageSpec, 'schema'))
  const runtime = schemasIn(join(published.runtimeSpec, 'schema'))
  return {
    manifest: image('image-manifest-schema.json'),
    index: image('image-index-schema.json'),
    config: image('config-schema.json'),
    layout: image('image-layout-schema.json'),
    'runtime-config': runtime('config-schema.json'),
    'runtime-state': runtime('state-schema.json'),
    'runtime-features': runtime('features-schema.json'),
  }
}

function schemasIn(folder: string): (file: string) => PublishedValidator {
  const ajv = new Ajv04.default({ strict: false, logger: false })
  addFormats.default(ajv)
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')))
    ajv.addSchema(withoutIds(JSON.parse(readFileSync(join(folder, file), 'utf8'))), file)
  return (file) => {
    const validate = ajv.getSchema(file)
    if (validate === undefined) throw new Error(`${file} is not among the published schemas`)
    return (value) => validate(value) === true
  }
}

/** Without ids the references count from the file's name, which all of them mean. `#definitions` is `#/definitions`, misspelt. */
function withoutIds(schema: unknown): object {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    (key === 'id' && typeof value === 'string') || key === '$schema' ? undefined : value,
  )
  return JSON.parse(text.replaceAll('"#definitions/', '"#/definitions/'))
}
