/** Runs a filter as the kernel does (Documentation/networking/filter.rst), for the instructions that the compiler writes. */
export function runFilter(
  program: Uint8Array,
  call: { readonly architecture: number; readonly number: number; readonly args?: readonly bigint[] },
): number {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, call.number, true)
  data.setUint32(4, call.architecture, true)
  for (const [index, value] of (call.args ?? []).entries()) data.setBigUint64(16 + index * 8, BigInt.asUintN(64, value), true)
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  let accumulator = 0
  for (let at = 0; at < program.length / 8; at += 1) {
    const operand = view.getUint32(at * 8 + 4, true)
    const jump = (condition: boolean): void => {
      at += view.getUint8(at * 8 + (condition ? 2 : 3))
    }
    const code = view.getUint16(at * 8, true)
    if (code === 0x20) accumulator = data.getUint32(operand, true)
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0
    else if (code === 0x05) at += operand
    else if (code === 0x15) jump(accumulator === operand)
    else if (code === 0x25) jump(accumulator > operand)
    else if (code === 0x35) jump(accumulator >= operand)
    else if (code === 0x06) return operand
    else throw new Error(`unknown instruction ${code.toString(16)} at ${at}`)
  }
  throw new Error('the program ran past its end')
}
