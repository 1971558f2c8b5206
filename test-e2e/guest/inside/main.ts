import { run } from './runner.ts'
import '../../../packages/cgroups/test/real.test.ts'
import './limits.ts'
import './launch.ts'
import { markPackets } from './network.ts'
import { asUser } from './user.ts'

/** Some tests need a process of their own: it runs this file with the name of what it does. */
const programs: Readonly<Record<string, () => Promise<void>>> = { user: asUser, mark: markPackets }
await (programs[process.argv[2] ?? ''] ?? run)()
