import { BoxError } from '@box/core'
import { native, type SeccompListener } from '@box/native'
import { constants } from 'node:os'
import { callNative } from '../reactor.ts'
import { whole } from '../plan/invalid.ts'
import type { SystemCall, SystemCallAnswer, SystemCallHandler } from '../seccomp.ts'
import { type FilterArchitecture, syscallNumbers } from './syscalls.ts'

const EPERM = 1
/** SECCOMP_USER_NOTIF_FLAG_CONTINUE */
const continues = 1
/** SECCOMP_ADDFD_FLAG_SEND: the new descriptor is the call's value, at once. */
const sends = 2
const answerSize = 24
const idSize = 8
const longest = 65_536
/** As long as a path can be, with its NUL. */
const pathMax = 4096

const architecture: FilterArchitecture = process.arch === 'arm64' ? 'arm64' : 'x64'
let names: ReadonlyMap<number, string> | undefined

/** Gives a filter's calls to their handler, and its answers to the kernel. Whatever goes wrong, a call is never let pass. */
export class Listener {
  readonly #native: SeccompListener
  readonly #handler: SystemCallHandler

  /** Takes the descriptor. */
  constructor(fd: number, handler: SystemCallHandler) {
    this.#handler = handler
    this.#native = callNative(() => new (native().SeccompListener)(fd, (notification) => void this.#receive(notification)))
  }

  /** What waits then, and later, fails with ENOSYS. Idempotent. */
  close(): void {
    this.#native.close()
  }

  async #receive(notification: Buffer): Promise<void> {
    const id = notification.subarray(0, idSize)
    try {
      this.#answer(id, await this.#handler(this.#callOf(notification)))
    } catch {
      this.#send(id, 0n, EPERM, 0)
    }
  }

  #callOf(notification: Buffer): SystemCall {
    names ??= new Map([...syscallNumbers(architecture)].map(([name, number]) => [number, name]))
    const number = notification.readInt32LE(16)
    const pid = notification.readUInt32LE(8)
    const args = Array.from({ length: 6 }, (_, index) => notification.readBigUInt64LE(32 + index * 8))
    const bytes = (address: bigint, length: number): Uint8Array => {
      if (!Number.isInteger(length) || length < 0 || length > longest)
        throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${length} is not a length from 0 to ${longest}`)
      return callNative(() => this.#native.memory(notification.subarray(0, idSize), pid, Number(address), length))
    }
    const text = (argument: number): string => {
      const address = args[argument]
      if (address === undefined) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${argument} is not an argument from 0 to 5`)
      const read = Buffer.from(bytes(address, pathMax))
      const end = read.indexOf(0)
      if (end < 0) throw new BoxError('ERR_BOX_LIMIT', 'the text is longer than 4,095 bytes')
      return read.toString('utf8', 0, end)
    }
    return { name: names.get(number) ?? `#${number}`, pid, architecture, args, text, bytes }
  }

  #answer(id: Buffer, answer: SystemCallAnswer): void {
    if (answer === 'continue') this.#send(id, 0n, 0, continues)
    else if ('errno' in answer) this.#send(id, 0n, errorNumber(answer.errno), 0)
    else if ('value' in answer) this.#send(id, BigInt(answer.value), 0, 0)
    else this.#add(id, whole('fd', answer.fd, 0, 0x7fff_ffff), answer.closeOnExec ?? true)
  }

  #send(id: Buffer, value: bigint, error: number, flags: number): void {
    const answer = Buffer.alloc(answerSize)
    id.copy(answer)
    answer.writeBigInt64LE(BigInt.asIntN(64, value), 8)
    answer.writeInt32LE(-error, 16)
    answer.writeUInt32LE(flags, 20)
    callNative(() => this.#native.answer(answer))
  }

  #add(id: Buffer, fd: number, closeOnExec: boolean): void {
    const addition = Buffer.alloc(answerSize)
    id.copy(addition)
    addition.writeUInt32LE(sends, 8)
    addition.writeUInt32LE(fd, 12)
    addition.writeUInt32LE(closeOnExec ? 0o2000000 : 0, 20)
    callNative(() => this.#native.addDescriptor(addition))
  }
}

function errorNumber(errno: string | number): number {
  const number = typeof errno === 'number' ? errno : new Map(Object.entries(constants.errno)).get(errno)
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > 4095)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${String(errno)} is not an error of errno(3)`)
  return number
}
