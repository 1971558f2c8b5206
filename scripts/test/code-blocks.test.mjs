import assert from 'node:assert/strict'
import { codeBlocks } from '../testing/code-blocks.mjs'

export async function testCodeBlocks(tally) {
  await tally.test('code blocks: language, line, code and needs are read', () => {
    const text = ['# A', '<!-- needs: root, linux -->', '', '```js', 'one()', '', 'two()', '```', '```sh', 'ls', '```'].join('\n')
    assert.deepEqual(codeBlocks(text), [
      { language: 'js', line: 4, needs: ['root', 'linux'], code: 'one()\n\ntwo()\n' },
      { language: 'sh', line: 9, needs: [], code: 'ls\n' },
    ])
  })
  await tally.test('code blocks: a longer fence keeps a shorter one inside it', () => {
    assert.deepEqual(
      codeBlocks('````md\n```js\nx\n```\n````\n').map(({ language, code }) => [language, code]),
      [['md', '```js\nx\n```\n']],
    )
  })
}
