// Starts two processes whose mkdir(2) is asked about, and never answers; says so once both wait. One of them lives on when this ends. They write to
// this process's descriptor 3: `node asker.mjs FOLDER`.
import { spawn } from '@box/namespaces'

let asked = 0
const start = (detached) =>
  spawn(['sh', '-c', 'mkdir made; echo "mkdir gave $?"'], {
    cwd: process.argv[2],
    detached,
    stdio: ['ignore', 3, 3],
    noNewPrivileges: true,
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }] },
    onSystemCall: () => {
      asked += 1
      if (asked === 2) process.stdout.write('both wait\n')
      return new Promise(() => {})
    },
  })
const children = [await start(false), await start(true)]
await Promise.all(children.map((child) => child.exited))
