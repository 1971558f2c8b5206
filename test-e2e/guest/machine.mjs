/** A machine without hardware: qemu with software emulation, which needs no right at all. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * Boots and follows what the guest writes to its second serial line; the first is the kernel's.
 * @returns what the kernel said last, where the guest ended without its last word
 */
export async function boot({ kernel, initramfs, disk, scratch, log, timeout, parameters = '' }, onLine) {
  const drive = (file, ...options) => ['-drive', ['if=virtio', 'format=raw', `file=${file}`, ...options].join(',')]
  const options = '-accel tcg,thread=multi -cpu max -smp 2 -m 1024 -no-reboot -display none -nodefaults -serial stdio'
  const args = [
    '-serial',
    `file:${log}`,
    ...options.split(' '),
    '-kernel',
    kernel,
    '-initrd',
    initramfs,
    '-append',
    `console=ttyS0 quiet panic=-1 loglevel=4 ${parameters}`,
    ...drive(disk, 'readonly=on'),
    ...drive(scratch, 'cache=none'),
  ]
  const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = () => child.kill('SIGKILL')
  const late = AbortSignal.timeout(timeout)
  late.addEventListener('abort', kill)
  process.once('SIGTERM', kill)
  try {
    for await (const line of createInterface({ input: child.stdout })) onLine(line.trimEnd())
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  } finally {
    kill()
    late.removeEventListener('abort', kill)
    process.off('SIGTERM', kill)
  }
  const said = readFileSync(log, 'utf8').trim().split('\n').slice(-12).join('\n')
  return late.aborted ? `after ${timeout / 1000} s it was still running\n${said}` : said
}
