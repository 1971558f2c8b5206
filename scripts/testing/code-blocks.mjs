/** The fenced code blocks of a Markdown text. */

/** @returns [{ language, code, line, needs }]: line is that of the fence, needs what a `<!-- needs: a, b -->` before it names */
export function codeBlocks(markdown) {
  const blocks = []
  let open
  let before = ''
  for (const [index, text] of markdown.split('\n').entries()) {
    if (open === undefined) {
      const fence = /^(`{3,})(\S*)\s*$/.exec(text)
      if (fence !== null) open = { fence: fence[1], language: fence[2], line: index + 1, needs: needsOf(before), lines: [] }
    } else if (text.trimEnd() === open.fence) {
      const { language, line, needs, lines } = open
      blocks.push({ language, line, needs, code: `${lines.join('\n')}\n` })
      open = undefined
    } else open.lines.push(text)
    if (text.trim() !== '') before = text
  }
  return blocks
}

function needsOf(line) {
  const marker = /^<!--\s*needs:(.*)-->\s*$/.exec(line)
  return marker === null ? [] : marker[1].split(',').map((need) => need.trim())
}
