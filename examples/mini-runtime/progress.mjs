// Prints what happens: on a terminal the running line is redrawn, elsewhere only finished lines are printed.
const terminal = process.stdout.isTTY
const clear = '\r\u001B[2K'
let running = ''

/** A finished line. */
export function line(text = '') {
  process.stdout.write(running === '' ? `${text}\n` : `${clear}${text}\n`)
  running = ''
}

/** A heading: what is about to be done. */
export function heading(text) {
  line()
  line(terminal ? `\u001B[1m${text}\u001B[0m` : text)
}

/** The line that is redrawn while something goes on. */
export function progress(text) {
  if (!terminal) return
  running = text.slice(0, process.stdout.columns - 1)
  process.stdout.write(`${clear}${running}`)
}

/** Bytes for people. */
export function bytes(count) {
  if (count < 1000) return `${count} B`
  const unit = count < 1e6 ? ['kB', 1e3] : count < 1e9 ? ['MB', 1e6] : ['GB', 1e9]
  return `${(count / unit[1]).toFixed(1)} ${unit[0]}`
}

/** Milliseconds for people. */
export function time(ms) {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`
}
