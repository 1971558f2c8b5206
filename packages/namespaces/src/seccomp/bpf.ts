/**
 * Writes a classic BPF program (Linux, Documentation/networking/filter.rst) from its end to its start: a jump leads only forward, so that
 * where it leads to is written already and its distance is known.
 */

/** A place in the program: how many instructions stand behind it. */
export type Place = number

interface Instruction {
  readonly code: number
  readonly whenTrue: number
  readonly whenFalse: number
  readonly operand: number
}

const load = 0x20 // BPF_LD | BPF_W | BPF_ABS
const and = 0x54 // BPF_ALU | BPF_AND | BPF_K
const always = 0x05 // BPF_JMP | BPF_JA
const ret = 0x06 // BPF_RET | BPF_K

/** Comparisons of the accumulator with a number. */
export const compare = {
  equal: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  greater: 0x25, // BPF_JMP | BPF_JGT | BPF_K
  atLeast: 0x35, // BPF_JMP | BPF_JGE | BPF_K
} as const

/** A conditional jump reaches over so many instructions. */
const reach = 255

export class ProgramWriter {
  readonly #backwards: Instruction[] = []
  readonly #returns = new Map<number, Place>()

  get length(): number {
    return this.#backwards.length
  }

  /** Ends the program with a value. Gives a place that does so, one that is near, if there is one. */
  return(value: number): Place {
    const known = this.#returns.get(value)
    if (known !== undefined && this.#distance(known) <= reach) return known
    const place = this.#push(ret, value)
    this.#returns.set(value, place)
    return place
  }

  /** Loads 32 bits at an offset of the input. What follows was written before. */
  load(offset: number): Place {
    return this.#push(load, offset)
  }

  and(mask: number): Place {
    return this.#push(and, mask)
  }

  /** Goes on at one of two places. */
  branch(comparison: (typeof compare)[keyof typeof compare], operand: number, whenTrue: Place, whenFalse: Place): Place {
    // Each step between may push one of the places out of reach, so the nearer one is looked at last.
    const [first, second] = whenTrue < whenFalse ? [whenTrue, whenFalse] : [whenFalse, whenTrue]
    const near = new Map([[first, this.#near(first, 1)]])
    near.set(second, this.#near(second, 0))
    const distance = (place: Place): number => this.#distance(near.get(place) ?? place)
    return this.#push(comparison, operand, distance(whenTrue), distance(whenFalse))
  }

  /** Makes what is written next but one of the places before go on at `place`. */
  goto(place: Place): Place {
    return this.#distance(place) === 0 ? place : this.#push(always, this.#distance(place))
  }

  /** The program as an array of `struct sock_filter`, in the byte order of both architectures. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#backwards.length * 8)
    const view = new DataView(bytes.buffer)
    this.#backwards.toReversed().forEach(({ code, whenTrue, whenFalse, operand }, index) => {
      view.setUint16(index * 8, code, true)
      view.setUint8(index * 8 + 2, whenTrue)
      view.setUint8(index * 8 + 3, whenFalse)
      view.setUint32(index * 8 + 4, operand, true)
    })
    return bytes
  }

  /** A place that a conditional jump reaches, `between` instructions from now: the place itself, or a jump to it. */
  #near(place: Place, between: number): Place {
    return this.#distance(place) + between <= reach ? place : this.#push(always, this.#distance(place))
  }

  /** How many instructions the next one that is written jumps over to get to a place. */
  #distance(place: Place): number {
    return this.#backwards.length - place
  }

  #push(code: number, operand: number, whenTrue = 0, whenFalse = 0): Place {
    this.#backwards.push({ code, whenTrue, whenFalse, operand: operand >>> 0 })
    return this.#backwards.length
  }
}
