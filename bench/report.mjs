/** The table of a benchmark, and its figures held against bench/targets.json. */

/** @param figures [{ row, median, min, low, high, n }] */
export function table(figures, unit, floorOf) {
  const header = ['row', `median ${unit}`, 'min', '10 % … 90 %', 'n', '× floor']
  const lines = figures.map(({ row, median, min, low, high, n }) => {
    const floor = figures.find((figure) => figure.row === floorOf(row))
    const ratio = floor === undefined ? '' : (median / floor.median).toFixed(2)
    return [row, number(median), number(min), `${number(low)} … ${number(high)}`, String(n), ratio]
  })
  const widths = header.map((_, column) => Math.max(...[header, ...lines].map((line) => line[column].length)))
  const format = (line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ')
  return [header, ...lines].map(format).join('\n')
}

/**
 * @returns [{ text, passed }]: each target of the bench with what was found; a row that was not measured passes nothing. A target is a ratio to another row
 *   (`against`, `atMost`), or an absolute time (`atMostMs`) where that is what a user waits for
 */
export function compare(figures, targets) {
  return targets.map(({ row, against, atMost, atMostMs }) => {
    const median = (name) => figures.find((figure) => figure.row === name)?.median
    const [ours, theirs] = [median(row), atMostMs === undefined ? median(against) : 1]
    const [unit, limit] = atMostMs === undefined ? ['×', atMost] : ['ms', atMostMs]
    const wanted = `${row} ≤ ${limit} ${unit}${atMostMs === undefined ? ` ${against}` : ''}`
    if (ours === undefined || theirs === undefined)
      return { passed: false, text: `not measured  ${wanted}: no row '${ours === undefined ? row : against}'` }
    const passed = ours / theirs <= limit
    return { passed, text: `${passed ? 'pass        ' : 'falls short '}  ${wanted}: ${(ours / theirs).toFixed(2)} ${unit}` }
  })
}

function number(value) {
  return value.toFixed(value < 10 ? 3 : 1)
}
