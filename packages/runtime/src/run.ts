import { BoxError, parseSize, refuseUnknownOptions } from '@box/core'
import type { Image } from '@box/layers'

import { outputOptions, startOptions } from './option-names.ts'
import type { RunOptions } from './options.ts'
import { collect } from './output.ts'
import { RunError, type RunResult } from './result.ts'
import { startContainer, type Parts } from './start.ts'

/** Runs a command to its end, with its output as text. */
export async function runContainer(
  parts: Parts,
  image: string | Image,
  command?: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  refuseUnknownOptions('a container', options, { ...startOptions, ...outputOptions })
  const { input, check = true, maxOutput = '16MiB', ...forStart } = options
  const limit = parseSize(maxOutput)
  const hasTerminal = options.terminal !== undefined && options.terminal !== false
  if (hasTerminal && input !== undefined)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'input is not possible with a terminal', {
      hint: 'use start(), and write to the terminal what is to be typed',
    })
  const container = await startContainer(parts, image, command, {
    ...forStart,
    stdio: hasTerminal ? undefined : [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  try {
    const stop = (): void => {
      container.kill('SIGKILL')
    }
    // A command need not read all of its input: that it has closed the pipe is no failure of the run.
    container.stdin.on('error', () => {})
    if (input !== undefined) container.stdin.end(input)
    const [exit, stdout, stderr] = await Promise.all([
      container.exited,
      collect(container.stdout, limit, stop),
      collect(container.stderr, limit, stop),
    ])
    options.signal?.throwIfAborted()
    const result = { ...exit, stdout, stderr }
    if (check && exit.exitCode !== 0) throw new RunError(container.command, result)
    return result
  } finally {
    await container.close()
  }
}
