import { Readable } from 'node:stream'

import { collect } from '../src/output.ts'

test('output is collected as text, whatever pieces its characters come in', async () => {
  const bytes = Buffer.from('grüße\n')
  const pieces = [...bytes].map((byte) => Buffer.from([byte]))
  expect(await collect(Readable.from(pieces), 100, () => {})).toBe('grüße\n')
})

test('more output than allowed is an error, and what writes it is stopped', async () => {
  let stopped = 0
  const pieces = [Buffer.alloc(60), Buffer.alloc(60), Buffer.alloc(60)]
  await expect(collect(Readable.from(pieces), 100, () => (stopped += 1))).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT' })
  expect(stopped).toBe(1)
})
