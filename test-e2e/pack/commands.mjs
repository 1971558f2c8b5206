import { spawn } from 'node:child_process'

/** Runs a command and gives its standard output; anything but exit status 0 is an error that holds all it printed. */
export async function output(command, args, { cwd, env = {} }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, NX_DAEMON: 'false', CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = [[], []]
  child.stdout.on('data', (chunk) => stdout.push(chunk))
  child.stderr.on('data', (chunk) => stderr.push(chunk))
  const [status, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...end) => resolve(end))
  })
  if (status === 0) return Buffer.concat(stdout).toString()
  const printed = Buffer.concat([...stdout, ...stderr]).toString()
  throw new Error(`${[command, ...args].join(' ')} ended with ${signal ?? status}\n${printed}`)
}
