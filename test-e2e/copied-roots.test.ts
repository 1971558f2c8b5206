import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { spawn } from '@box/namespaces'
import fs from 'fs-extra'

import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const program = path.join(path.dirname(fileURLToPath(import.meta.url)), 'programs/copied-root.mjs')

asRoot('where overlayfs cannot be had', () => {
  const workplace = useWorkplace()

  test.each([
    ['no file system may be made', ['fsopen', 'mount'], undefined, 'copy'],
    ['nothing may be mounted at all, and a copy is asked for', ['fsopen', 'mount', 'open_tree'], 'copy', 'copy'],
    ['nothing may be mounted at all', ['fsopen', 'mount', 'open_tree'], undefined, 'ERR_BOX_UNSUPPORTED'],
  ])('%s: a root is a copy, or an error says what is missing', async (_what, names, kind, expected) => {
    await fs.outputFile(path.join(workplace.folder, 'files/etc/motd'), 'hello\n')
    const child = await spawn([process.execPath, program, workplace.folder, ...(kind === undefined ? [] : [kind])], {
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 38 }] },
    })
    let stdout = ''
    for await (const chunk of child.stdout) stdout += chunk
    let stderr = ''
    for await (const chunk of child.stderr) stderr += chunk
    expect({ ...(await child.exited), stderr }).toMatchObject({ exitCode: 0, stderr: '' })
    await child.close()
    const made = { kind: expected, changes: ['added /etc/added', 'modified /etc/motd'], layers: 2, left: [] }
    expect(JSON.parse(stdout)).toEqual(expected === 'copy' ? made : { code: expected, left: [] })
  })
})
