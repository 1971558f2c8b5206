/** The longest that a timer of Node's waits; it takes more for 1. */
const longest = 0x7fff_ffff

/** Calls `act` once it is so late (`performance.now()`), however far off that is. Gives what takes that back. */
export function at(time: number, act: () => void): () => void {
  if (time === Infinity) return () => {}
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const left = time - performance.now()
    timer = left > longest ? setTimeout(wait, longest) : setTimeout(act, Math.max(0, left))
  }
  wait()
  return () => clearTimeout(timer)
}
