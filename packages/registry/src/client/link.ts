/**
 * The target of the first link with this relation in a `Link` header (RFC 8288), as it stands there. Undefined where there is none, or
 * where the header breaks the grammar before it.
 */
export function parseLink(header: string, relation: string): string | undefined {
  const text = header.slice(0, limit)
  let position = 0
  while (position < text.length) {
    const target = match(/[ \t,]*<([^>]*)>/y, text, position)
    if (target === undefined) return undefined
    position += target[0].length
    let relations: string | undefined
    for (let parameter = match(attribute, text, position); parameter !== undefined; parameter = match(attribute, text, position)) {
      position += parameter[0].length
      const [, name = '', quoted, bare] = parameter
      if (name.toLowerCase() === 'rel') relations ??= quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? ''
    }
    if (
      relations
        ?.toLowerCase()
        .split(/[ \t]+/)
        .includes(relation) === true
    )
      return target[1]
    if (match(/[ \t]*(?:,|$)/y, text, position) === undefined) return undefined
  }
  return undefined
}

/** The most of a header that is read, in characters. */
const limit = 8 * 1024

const attribute = /[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/y

function match(pattern: RegExp, text: string, position: number): RegExpExecArray | undefined {
  pattern.lastIndex = position
  return pattern.exec(text) ?? undefined
}
