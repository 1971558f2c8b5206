import { marshal } from './marshal.ts'
import { unmarshal } from './unmarshal.ts'
import { malformed, Variant, type Value } from './value.ts'

/** D-Bus Specification, "Message Protocol". */
export const kinds = { call: 1, reply: 2, error: 3, signal: 4 } as const

export interface Call {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly signature?: string
  readonly body?: readonly Value[]
}

/** What was received. */
export interface Message {
  readonly kind: number
  readonly serial: number
  readonly replyTo: number | undefined
  readonly path: string | undefined
  readonly interface: string | undefined
  readonly member: string | undefined
  readonly errorName: string | undefined
  readonly body: readonly Value[]
}

const fields = { path: 1, interface: 2, member: 3, errorName: 4, replyTo: 5, destination: 6, signature: 8 } as const

export function encodeCall(call: Call, serial: number): Buffer {
  const { destination, path, member, signature = '', body = [] } = call
  const header: Value[] = [
    [fields.path, new Variant('o', path)],
    [fields.interface, new Variant('s', call.interface)],
    [fields.member, new Variant('s', member)],
    [fields.destination, new Variant('s', destination)],
    ...(signature === '' ? [] : [[fields.signature, new Variant('g', signature)]]),
  ]
  const bytes = marshal(signature, body)
  const head = marshal('yyyyuua(yv)', ['l'.charCodeAt(0), kinds.call, 0, 1, bytes.length, serial, header])
  return Buffer.concat([padded(head), bytes])
}

/** Cuts the bytes of a stream into messages. */
export class Decoder {
  #held: Buffer = Buffer.alloc(0)

  /** @throws BoxError `ERR_BOX_SYSTEM`. */
  push(chunk: Buffer): Message[] {
    this.#held = Buffer.concat([this.#held, chunk])
    const messages: Message[] = []
    for (let next = this.#next(); next !== undefined; next = this.#next()) messages.push(next)
    return messages
  }

  #next(): Message | undefined {
    const held = this.#held
    if (held.length < 16) return undefined
    if (held.readUInt8(0) !== 'l'.charCodeAt(0)) throw malformed('its byte order is not that of this machine')
    const bodyAt = roundedUp(16 + held.readUInt32LE(12))
    const end = bodyAt + held.readUInt32LE(4)
    if (end > largest) throw malformed(`it has ${end} bytes`)
    if (held.length < end) return undefined
    this.#held = held.subarray(end)
    return decode(held.subarray(0, bodyAt), held.subarray(bodyAt, end))
  }
}

/** Far more than a service manager says. */
const largest = 16 << 20

function decode(head: Buffer, body: Buffer): Message {
  const [, kind, , , , serial, list] = unmarshal('yyyyuua(yv)', head)
  const found = new Map<number, Value>()
  for (const field of Array.isArray(list) ? list : []) {
    const [code, variant]: readonly Value[] = Array.isArray(field) ? field : []
    if (typeof code === 'number' && variant instanceof Variant) found.set(code, variant.value)
  }
  const text = (field: number): string | undefined => {
    const value = found.get(field)
    return typeof value === 'string' ? value : undefined
  }
  const replyTo = found.get(fields.replyTo)
  return {
    kind: typeof kind === 'number' ? kind : 0,
    serial: typeof serial === 'number' ? serial : 0,
    replyTo: typeof replyTo === 'number' ? replyTo : undefined,
    path: text(fields.path),
    interface: text(fields.interface),
    member: text(fields.member),
    errorName: text(fields.errorName),
    body: unmarshal(text(fields.signature) ?? '', body),
  }
}

function roundedUp(length: number): number {
  return Math.ceil(length / 8) * 8
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(roundedUp(bytes.length) - bytes.length)])
}
