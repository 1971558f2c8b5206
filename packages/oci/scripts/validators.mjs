// JSON Schemas to validators as code, by ajv's standalone output.
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'
import { documentsOf } from './types.mjs'

/** One module of TypeScript: `validateX(value)` for each document X, with the errors of the last call in `validateX.errors`. */
export function validatorsOf(schemas) {
  const ajv = new Ajv2020({
    schemas,
    strict: true,
    allowUnionTypes: true,
    strictRequired: false,
    // Lengths are counted in UTF-16 units, so that the code imports nothing.
    unicode: false,
    logger: false,
    code: { source: true, esm: true, lines: true },
  })
  const names = Object.fromEntries(documentsOf(schemas).map(({ $id, title }) => [`validate${title}Code`, $id]))
  const code = standalone.default(ajv, names)
  if (/\brequire\(/.test(code)) throw new Error('a schema uses a keyword whose code needs ajv at run time')
  const wrappers = Object.keys(names).map((name) => `export const ${name.replace(/Code$/, '')}: Validator = ${name}`)
  return [
    '// @ts-nocheck',
    '// Made by scripts/generate.mjs from schemas/.',
    "import type { Validator } from '../documents/validator.ts'",
    code.replace(/^"use strict";/, '').replaceAll(/^export const (validate\w+Code)/gm, 'const $1'),
    ...wrappers,
    '',
  ].join('\n')
}
