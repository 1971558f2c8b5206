/** What kernels have written, from machines set up in different ways. */

export interface Recorded {
  readonly mountinfo: string
  readonly membership: string
}

/** Every v1 controller in a hierarchy of its own, and a v2 hierarchy beside them (Linux 6.18). */
export const hybrid: Recorded = {
  mountinfo: `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`,
  membership: `9:name=systemd:/
7:blkio:/
4:memory:/api/1
2:cpuacct:/
1:cpu:/
0::/
`,
}

/** Debian 12 with systemd: v2 alone. */
export const unified: Recorded = {
  mountinfo: `24 31 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
29 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`,
  membership: '0::/user.slice/user-1000.slice/user@1000.service/app.slice/app:x.service\n',
}

/** CentOS 7's kind: controllers in pairs, found by a name that is a link. */
export const pairs: Recorded = {
  mountinfo: `30 23 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:9 - cgroup cgroup rw,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd
35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:13 - cgroup cgroup rw,cpuacct,cpu
36 30 0:32 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid,nodev,noexec,relatime shared:14 - cgroup cgroup rw,net_prio,net_cls
`,
  membership: `11:net_prio,net_cls:/
4:cpuacct,cpu:/user.slice
1:name=systemd:/user.slice/user-0.slice
`,
}

/** Inside a Docker container on v1, without a cgroup namespace: the mount shows the container's group, read-only. */
export const dockerOnV1: Recorded = {
  mountinfo: `1171 1170 0:56 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755
1173 1171 0:31 /docker/4f0c /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:13 - cgroup cgroup rw,memory
`,
  membership: '8:memory:/docker/4f0c\n0::/\n',
}

/** A process of the host's cgroup namespace that looks at a mount made in another one. */
export const foreign: Recorded = {
  mountinfo: '1173 1171 0:31 /../../kube /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw\n',
  membership: '0::/../other\n',
}

/** The files of a group of v2 with the usual controllers, as a new one has them (Linux 6.12). */
export const unifiedFiles: Readonly<Record<string, string>> = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma\n',
  'cgroup.subtree_control': '\n',
  'cgroup.events': 'populated 0\nfrozen 0\n',
  'cgroup.freeze': '0\n',
  'cgroup.kill': '',
  'cgroup.procs': '',
  'cgroup.max.depth': 'max\n',
  'cpu.stat':
    'usage_usec 0\nuser_usec 0\nsystem_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n',
  'cpu.weight': '100\n',
  'cpu.idle': '0\n',
  'cpu.max': 'max 100000\n',
  'cpu.max.burst': '0\n',
  'cpuset.cpus': '\n',
  'cpuset.mems': '\n',
  'io.max': '',
  'io.weight': 'default 100\n',
  'io.stat': '',
  'memory.current': '0\n',
  'memory.peak': '0\n',
  'memory.min': '0\n',
  'memory.low': '0\n',
  'memory.high': 'max\n',
  'memory.max': 'max\n',
  'memory.oom.group': '0\n',
  'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n',
  'memory.stat': 'anon 0\nfile 0\nkernel 0\n',
  'memory.swap.current': '0\n',
  'memory.swap.max': 'max\n',
  'pids.current': '0\n',
  'pids.max': 'max\n',
  'pids.events': 'max 0\n',
  'hugetlb.2MB.current': '0\n',
  'hugetlb.2MB.max': 'max\n',
  'hugetlb.2MB.events': 'max 0\n',
  'rdma.max': '',
}

/** The same files of a group that has worked. */
export const unifiedUsed: Readonly<Record<string, string>> = {
  ...unifiedFiles,
  'cpu.stat': 'usage_usec 1500250\nuser_usec 1000000\nsystem_usec 500250\nnr_periods 20\nnr_throttled 7\nthrottled_usec 350000\n',
  'memory.current': '73400320\n',
  'memory.peak': '104857600\n',
  'memory.max': '536870912\n',
  'memory.stat':
    'anon 52428800\nfile 16777216\nkernel 4194304\nshmem 4096\nfile_mapped 8192\nfile_dirty 12288\nfile_writeback 0\nslab 1048576\nsock 32768\npgfault 900\npgmajfault 3\n',
  'memory.events': 'low 0\nhigh 5\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n',
  'memory.swap.current': '8192\n',
  'pids.current': '9\n',
  'pids.max': '64\n',
  'pids.events': 'max 4\n',
  'io.stat': '254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:0 \n',
  'cpu.pressure': 'some avg10=1.50 avg60=0.80 avg300=0.20 total=125000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  'memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n',
}
