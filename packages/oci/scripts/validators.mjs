// JSON Schemas to validators as code, by ajv's standalone output.
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import dependentRequired from 'ajv/dist/vocabularies/validation/dependentRequired.js'
import standalone from 'ajv/dist/standalone/index.js'
import { documentsOf } from './types.mjs'

const options = {
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
  // Lengths are counted in UTF-16 units, so that the code imports nothing.
  unicode: false,
  logger: false,
  // A definition is one function, not a copy at each place.
  inlineRefs: false,
}

/** One module of TypeScript: `validateX(value)` for each document X, with the errors of the last call in `validateX.errors`. */
export function validatorsOf(schemas) {
  const draft2020 = new Ajv2020(options)
  for (const schema of schemas) if (draft2020.validateSchema(schema) !== true) throw new Error(`${schema.$id}: ${draft2020.errorsText()}`)
  // They use no keyword that needs the dynamic scopes of draft 2020-12, so the plain class does, whose code is smaller.
  const plain = schemas.map((schema) => ({ ...schema, $schema: undefined }))
  const ajv = new Ajv({
    ...options,
    keywords: [dependentRequired.default],
    schemas: plain,
    code: { source: true, esm: true, lines: true, optimize: 2 },
  })
  const names = Object.fromEntries(documentsOf(schemas).map(({ $id, title }) => [`validate${title}Code`, $id]))
  const code = standalone.default(ajv, names)
  if (/\brequire\(/.test(code)) throw new Error('a schema uses a keyword whose code needs ajv at run time')
  const wrappers = Object.keys(names).map((name) => `export const ${name.replace(/Code$/, '')}: Validator = ${name}`)
  return [
    '// @ts-nocheck',
    '// Made by scripts/generate.mjs from schemas/.',
    "import type { Validator } from '../documents/validator.ts'",
    withoutUnusedSchemas(code.replace(/^"use strict";/, '').replaceAll(/^export const (validate\w+Code)/gm, 'const $1')),
    ...wrappers,
    '',
  ].join('\n')
}

// ajv writes every schema out as a constant, of which the code uses those with an `enum` only.
function withoutUnusedSchemas(code) {
  return code.replaceAll(/^const (schema\d+) = .*\n/gm, (line, name) =>
    code.match(new RegExp(`\\b${name}\\b`, 'g')).length > 1 ? line : '',
  )
}
