/**
 * A driver (see ../driver.mjs) with much memory of its own: `node large.mjs MIB box|child_process PROGRAM`. A process that is forked pays for
 * the memory that it has.
 */
import { answerLines, timeCommand } from '../driver.mjs'
import { launchNone } from './box.mjs'

const [mebibytes, by, program] = process.argv.slice(2)
const held = Buffer.alloc(Number(mebibytes) << 20, 1)
const box = launchNone(program)
await answerLines(by === 'box' ? async () => (await box.run())[''] : () => timeCommand(program, []))
held.fill(0)
