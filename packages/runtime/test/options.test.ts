import { createRuntime, type StartOptions } from '../src/index.ts'

const runtime = createRuntime()

test.each<[object, string]>([
  [{ limit: { memory: 1 } }, 'a container has no option "limit"'],
  [{ readonly: true }, 'a container has no option "readonly"'],
  [{ readOnly: 'yes' }, 'a container: readOnly: "yes" is not true or false'],
  [{ network: 'hots' }, 'a container: network: "hots" is not one of none, host'],
  [{ userns: 'none' }, 'a container: userns: "none" is not one of auto, host'],
  [{ noNewPrivileges: null }, 'a container: noNewPrivileges: null is not true or false'],
])('a container is not started with less than %j asks for', async (given: object, message) => {
  const options: StartOptions = JSON.parse(JSON.stringify(given))
  await expect(runtime.start('none', ['true'], options)).rejects.toThrow(message)
  await expect(runtime.run('none', ['true'], options)).rejects.toThrow(message)
})

test.each([
  ['an input that is a number', { input: 5 }],
  ['an input that is null', { input: null }],
  ['a check that is a word', { check: 'no' }],
])('%s is refused', async (_title, options) => {
  await expect(runtime.run('none', ['true'], JSON.parse(JSON.stringify(options)))).rejects.toMatchObject({
    code: 'ERR_BOX_INVALID_ARGUMENT',
  })
})

test.each(['null', '5', '{}', '""'])('%s is no image', async (text) => {
  await expect(runtime.run(JSON.parse(text), ['true'])).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
})

test.each(['null', '{"stores":1}', '{"store":"/var/lib/store"}', '{"launch":{}}'])('a runtime is not made of %s', (text) => {
  expect(() => createRuntime(JSON.parse(text))).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('a command that is one string is refused, with what to write instead', async () => {
  const command: readonly string[] = JSON.parse('"echo hello"')
  await expect(runtime.run('none', command)).rejects.toThrow('the command "echo hello" is not a list of its words (give a list')
})
