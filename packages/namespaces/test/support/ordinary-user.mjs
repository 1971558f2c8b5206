// Runs one command with the built package as an ordinary user, and prints what came of it as JSON.
import { spawn } from '@box/namespaces'
import { native } from '@box/native'
import { openSync } from 'node:fs'
import { text } from 'node:stream/consumers'

const { command, options, killed, beside } = JSON.parse(process.argv[2])
// Loaded while this process can still read the repository.
native()
process.setgroups([])
process.setgid(65534)
process.setuid(65534)
// A descriptor cannot be passed on: the root is opened here.
if (options.root !== undefined) options.root.fd = openSync(options.root.path, 'r')
try {
  const started = spawn(command, options)
  const child = beside === undefined ? await started : await spawn(beside, { cwd: '/' })
  if (killed) child.stdout.once('data', () => child.kill('SIGKILL'))
  const [stdout, stderr, result] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
  process.stdout.write(JSON.stringify({ ...result, stdout, stderr }))
  // The first one may still be on its way.
  if (beside !== undefined) process.exit()
} catch (error) {
  const { code, step, syscall, errno, path, message } = error
  process.stdout.write(JSON.stringify({ error: { code, step, syscall, errno, path, message } }))
}
