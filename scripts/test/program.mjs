/** The tests of the scripts themselves. */
import { Tally } from '../testing/tally.mjs'
import { testBench } from './bench.test.mjs'
import { testCodeBlocks } from './code-blocks.test.mjs'
import { testCounts } from './counts.test.mjs'
import { testLeaks } from './leaks.test.mjs'
import { testPromises } from './promises.test.mjs'
import { testRunStage } from './run-stage.test.mjs'
import { testSkips } from './skips.test.mjs'

const tally = new Tally()
await testCodeBlocks(tally)
await testCounts(tally)
await testSkips(tally)
await testBench(tally)
await testLeaks(tally)
await testRunStage(tally)
await testPromises(tally)
tally.end()
