import assert from 'node:assert/strict'
import { runStage } from '../testing/run-stage.mjs'

function stage(name, script, more = {}) {
  return { name: `self-${name}`, budget: 20, counts: 'lines', command: ['node', '-e', script], ...more }
}

const passing = "console.log('ok a\\n1 passed, 0 failed, 0 skipped')"

export async function testRunStage(tally) {
  await tally.test('run-stage: a passing program passes', async () => {
    const { passed, failures } = await runStage(stage('pass', passing))
    assert.deepEqual([passed, failures], [1, []])
  })
  await tally.test('run-stage: a stage past its budget fails by name, with what it had started ended', async () => {
    const script =
      "const {spawn} = require('child_process'); console.log(spawn('sleep', ['1000'], {detached: true}).pid); setInterval(() => {}, 1000)"
    const { failures, elapsed } = await runStage(stage('late', script, { budget: 0.5, leaks: true }))
    assert.ok(elapsed < 10)
    assert.ok(failures.includes('self-late: past its budget of 0.5 s, ended'), failures.join('\n'))
    assert.ok(!failures.some((line) => line.includes('left behind: process')), failures.join('\n'))
  })
  await tally.test('run-stage: a program that fails without a failed test is a failure', async () => {
    const { failures } = await runStage(stage('exit', `${passing}; process.exit(3)`))
    assert.deepEqual(failures, ['self-exit: ended with 3 although no test failed'])
  })
  await tally.test('run-stage: a program that runs no test is a failure', async () => {
    const { failures } = await runStage(stage('none', "console.log('0 passed, 0 failed, 0 skipped')"))
    assert.deepEqual(failures, ['self-none: ran no test'])
  })
  await tally.test('run-stage: a process and a file left behind are named', async () => {
    const script = `require('child_process').spawn('sleep', ['3'], {detached: true, stdio: 'ignore'}).unref();
      require('fs').writeFileSync(require('os').tmpdir() + '/left', ''); ${passing}`
    const { failures } = await runStage(stage('leak', script, { leaks: true }))
    assert.ok(
      failures.some((line) => /left behind: process \d+ sleep 3/.test(line)),
      failures.join('\n'),
    )
    assert.ok(
      failures.some((line) => /left behind: file .*\/left$/.test(line)),
      failures.join('\n'),
    )
  })
}
