import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import fs from 'fs-extra'

import { useWorkplace } from './support/workplace.ts'

const execute = promisify(execFile)
const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const top = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')

asRoot('the first example', () => {
  const workplace = useWorkplace()

  test.each(['README.md', 'packages/runtime/README.md'])(
    'of %s prints what its command prints',
    async (page) => {
      const [, block = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync(path.join(top, page), 'utf8')) ?? []
      const program = path.join(top, 'node_modules/.cache/box', `first-example-${process.pid}.mjs`)
      await fs.outputFile(program, `${block}\nprocess.stdout.write(stdout)\n`)
      try {
        // The default store lies below /var/lib: here on a file system of its own, in a mount namespace that ends with the program.
        const script = `set -e
mount -t tmpfs tmpfs /var/lib
"$1" "$2" "$3"
"$1" "$4"`
        const prepare = path.join(top, 'test-e2e/programs/prepare-node-image.mjs')
        const { stdout } = await execute('unshare', [
          '--mount',
          'sh',
          '-c',
          script,
          'sh',
          process.execPath,
          prepare,
          workplace.folder,
          program,
        ])
        expect(stdout.split('\n')[0]).toBe('42')
      } finally {
        await fs.remove(program)
      }
    },
    60_000,
  )
})
