/** Numbers that look random and come again with the same seed (mulberry32). */
export function randomSource(given) {
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)
  let state = seed
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit) => Math.floor(fraction() * limit)
  return { seed, below, chance: (share) => fraction() < share, pick: (list) => list[below(list.length)] }
}
