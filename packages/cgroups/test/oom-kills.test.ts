import { oomKillOf } from '../src/oom-kills.ts'

const limited = 'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0'

test.each([
  // As Linux 6.18 writes it to /dev/kmsg.
  [
    `6,1042,10534786322,-;${limited},oom_memcg=/app/one,task_memcg=/app/one/inner,task=dd,pid=1234,uid=1000`,
    { group: '/app/one/inner', process: { pid: 1234, command: 'dd', uid: 1000, limit: '/app/one' } },
  ],
  [
    '6,7,8,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=node,pid=1,uid=0',
    { group: '/a', process: { pid: 1, command: 'node', uid: 0, limit: undefined } },
  ],
  // Names of groups and processes are theirs to choose.
  [
    `6,7,8,-;${limited},oom_memcg=/a,b,task_memcg=/a,b/c,task=x,pid=9,uid=9,pid=5,uid=0`,
    { group: '/a,b/c', process: { pid: 5, command: 'x,pid=9,uid=9', uid: 0, limit: '/a,b' } },
  ],
  ['6,7,8,-;Memory cgroup out of memory: Killed process 1234 (dd) total-vm:1kB', undefined],
  ['6,7,8,-;oom-kill:constraint=', undefined],
])('%s is read', (record, kill) => {
  expect(oomKillOf(record)).toEqual(kill)
})
