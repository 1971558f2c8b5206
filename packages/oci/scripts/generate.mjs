// Makes src/generated from schemas: the TypeScript types, and validators as plain code (ajv works here, at build time, and never at run time).
// Does nothing where the inputs are those of the last time. Prints nothing unless it fails.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const schemaFolder = fileURLToPath(new URL('../schemas/', import.meta.url))
const output = fileURLToPath(new URL('../src/generated/', import.meta.url))

const schemaFiles = readdirSync(schemaFolder)
  .filter((name) => name.endsWith('.json'))
  .toSorted()
const sources = new Map(schemaFiles.map((name) => [name, readFileSync(schemaFolder + name, 'utf8')]))

const state = createHash('sha256')
for (const name of ['generate.mjs', 'types.mjs', 'validators.mjs']) state.update(readFileSync(here + name))
for (const [name, text] of sources) state.update(name).update(text)
state.update(createRequire(import.meta.url)('ajv/package.json').version)
const wanted = state.digest('hex')

if (current() !== wanted) {
  const [{ typesOf }, { validatorsOf }] = await Promise.all([import('./types.mjs'), import('./validators.mjs')])
  const schemas = [...sources.values()].map((text) => JSON.parse(text))
  mkdirSync(output, { recursive: true })
  replace('types.ts', typesOf(schemas))
  replace('validators.ts', validatorsOf(schemas))
  replace('inputs.sha256', `${wanted}\n`)
}

function current() {
  try {
    return readFileSync(`${output}inputs.sha256`, 'utf8').trim()
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

// Several processes may generate at once: each file appears whole.
function replace(name, text) {
  const temporary = `${output}.${name}.${process.pid}`
  writeFileSync(temporary, text)
  renameSync(temporary, output + name)
}
