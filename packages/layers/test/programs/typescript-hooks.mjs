import { transform } from '@swc/core'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const options = { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return await next(url, context)
  const { code } = await transform(await readFile(fileURLToPath(url), 'utf8'), options)
  return { format: 'module', source: code, shortCircuit: true }
}
