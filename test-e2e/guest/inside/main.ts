import { run } from './runner.ts'
import '../../../packages/cgroups/test/real.test.ts'
import './limits.ts'
import './launch.ts'
import { asUser } from './user.ts'

await (process.argv[2] === 'user' ? asUser() : run())
