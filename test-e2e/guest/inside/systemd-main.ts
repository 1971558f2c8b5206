import { run } from './runner.ts'
import './systemd.ts'
import { abandonScope, scopeOfUser } from './systemd-programs.ts'

const programs: Readonly<Record<string, () => Promise<void>>> = { abandon: abandonScope, user: scopeOfUser }
await (programs[process.argv[2] ?? ''] ?? run)()
