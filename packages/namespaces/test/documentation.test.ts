import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as names from '../src/option-names.ts'

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8')

/** The tables of the section on options: the cells of each row. */
const section = /\n## Options\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? ''
const rows = section.split('\n').flatMap((line) => {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
  return /^(?:`[\w.]+`(?:, )?)+$/.test(cells[1] ?? '') ? [cells.slice(1, -1)] : []
})

test('the README has a row for each option and each part of one, with its default and what it needs, and for nothing else', () => {
  const parts = (prefix: string, table: object): string[] => Object.keys(table).map((name) => `${prefix}${name}`)
  const options = [
    ...parts('', names.spawnOptions),
    ...new Set(Object.values(names.mountOptions).flatMap((table) => parts('mounts.', table))),
    ...parts('devices.', names.deviceOptions),
    ...parts('landlock.', names.landlockOptions),
    ...parts('landlock.files.', names.landlockPathOptions),
    ...parts('scheduler.', names.schedulerOptions),
    ...parts('ioPriority.', names.ioPriorityOptions),
    ...parts('memoryPolicy.', names.memoryPolicyOptions),
    ...parts('onSystemCall.', names.systemCallAgentOptions),
    ...parts('terminal.', names.terminalOptions),
    ...parts('uidMappings.', names.idMappingOptions),
    ...parts('timeOffsets.', names.timeOffsetsOptions),
    ...parts('timeOffsets.monotonic.', names.timeOffsetOptions),
    ...parts('seccomp.', names.seccompOptions),
    ...parts('seccomp.syscalls.', names.seccompRuleOptions),
    ...parts('seccomp.syscalls.args.', names.seccompArgumentOptions),
    ...parts('user.', names.userOptions),
    ...parts('rlimits.', names.resourceLimitOptions),
    ...parts('capabilities.', names.capabilitiesOptions),
  ]
  const named = rows.flatMap(([cell = '']) => cell.split(', ').map((name) => name.replaceAll('`', '')))
  expect(named.toSorted()).toEqual(options.toSorted())
  for (const [option, byDefault, ...rest] of rows) {
    const text = `${option}: ${rest.at(-1)}`
    expect([byDefault, text]).toEqual([expect.stringMatching(/./), expect.stringMatching(/: ./)])
  }
})

test('the parts of spawn’s options that other calls take are the same', () => {
  const all = Object.keys(names.spawnOptions)
  expect(all).toEqual(expect.arrayContaining([...Object.keys(names.launchOptions), ...Object.keys(names.userNamespaceOptions)]))
})

test('every table of options that there is, is looked at', () => {
  expect(Object.keys(names)).toHaveLength(21)
})

test("the README's first example is one process in a new pid namespace, in five lines", () => {
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1]?.trim() ?? ''
  expect(example.split('\n')).toHaveLength(5)
  expect(example).toContain("namespaces: ['user', 'pid'")
})
