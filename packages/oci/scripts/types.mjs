// JSON Schemas to TypeScript. It knows the keywords that the schemas of this package use, and fails on what it does not know.

// Types that @box/core declares, because every package uses them: the schemas describe the same, and a test compares the two.
const fromCore = ['Descriptor', 'Digest', 'Platform']

// Keywords that narrow a value further than TypeScript can say.
const silent = new Set(
  '$comment $defs $id $schema dependentRequired description else if maxItems maxLength maximum minItems minLength minProperties minimum not pattern propertyNames then title uniqueItems'.split(
    ' ',
  ),
)

/** The schemas that describe a whole document, not a part of one. */
export function documentsOf(schemas) {
  return schemas.filter((schema) => schema.title !== undefined)
}

/** One module of TypeScript with a type for each schema and each definition that has a title. */
export function typesOf(schemas) {
  const byId = new Map(schemas.map((schema) => [schema.$id, schema]))
  const titled = schemas.flatMap((schema) => titledIn(schema).map((part) => ({ part, base: schema.$id })))
  const declarations = titled.map(({ part, base }) => {
    const name = fromCore.includes(part.title) ? `${part.title}InSchema` : part.title
    return `${comment(part, '')}export type ${name} = ${typeOf(part, { byId, base, indent: '', top: true })}\n`
  })
  return [
    '// Made by scripts/generate.mjs from schemas/.',
    `import type { ${fromCore.join(', ')} } from '@box/core'\n`,
    `export type { ${fromCore.join(', ')} }\n`,
    ...declarations,
  ].join('\n')
}

function titledIn(value) {
  if (typeof value !== 'object' || value === null) return []
  const inside = Object.values(value).flatMap((member) => titledIn(member))
  return typeof value.title === 'string' ? [value, ...inside] : inside
}

function typeOf(schema, context) {
  if (schema === false) return 'never'
  if (schema === true) return 'unknown'
  if (schema.title !== undefined && !context.top) return schema.title
  const inner = { ...context, top: false }
  const parts = []
  let types = schema.type === undefined ? [] : [schema.type].flat()
  for (const [keyword, value] of Object.entries(schema)) {
    switch (keyword) {
      case '$ref':
        parts.push(referred(value, inner))
        break
      case 'const':
        parts.push(JSON.stringify(value))
        types = []
        break
      case 'enum':
        parts.push(value.map((member) => JSON.stringify(member)).join(' | '))
        types = []
        break
      case 'anyOf':
      case 'oneOf':
        // Branches that only demand one property or another say nothing that the type could.
        if (value.every((member) => Object.keys(member).join() === 'required')) break
        parts.push(value.map((member) => typeOf(member, inner)).join(' | '))
        break
      case 'allOf':
        parts.push(...value.map((member) => typeOf(member, inner)))
        break
      case 'type':
      case 'properties':
      case 'required':
      case 'items':
      case 'additionalProperties':
        break
      default:
        if (!silent.has(keyword)) throw new Error(`${context.base}: the keyword ${keyword} has no translation`)
    }
  }
  if (types.length > 0) parts.push(types.map((type) => simple(type, schema, inner)).join(' | '))
  if (parts.length === 0) return 'unknown'
  return parts.length === 1 ? parts[0] : parts.map((part) => (part.includes(' | ') ? `(${part})` : part)).join(' & ')
}

function referred(reference, context) {
  const [file, pointer = ''] = reference.split('#')
  const base = file === '' ? context.base : file
  let target = context.byId.get(base)
  for (const step of pointer.split('/').slice(1)) target = target?.[step]
  if (target === undefined) throw new Error(`${context.base}: ${reference} leads nowhere`)
  return typeOf(target, { ...context, base })
}

function simple(type, schema, context) {
  switch (type) {
    case 'integer':
      return 'number'
    case 'array': {
      const items = typeOf(schema.items ?? true, context)
      return `readonly ${items.includes(' ') ? `(${items})` : items}[]`
    }
    case 'object':
      return objectOf(schema, context)
    default:
      return type
  }
}

function objectOf(schema, context) {
  const rest = typeof schema.additionalProperties === 'object' ? typeOf(schema.additionalProperties, context) : 'unknown'
  if (schema.properties === undefined) return `Readonly<Record<string, ${rest}>>`
  const indent = `${context.indent}  `
  const members = Object.entries(schema.properties)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => {
      const mark = schema.required?.includes(name) ? '' : '?'
      const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
      return `${comment(value, indent)}${indent}readonly ${key}${mark}: ${typeOf(value, { ...context, indent })}\n`
    })
  return `{\n${members.join('')}${context.indent}}`
}

function comment(schema, indent) {
  return schema.description === undefined ? '' : `${indent}/** ${schema.description} */\n`
}
