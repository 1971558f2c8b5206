/** What every row named `all` starts, as a configuration of the runtime specification that the oldest peer reads (1.0.2). */
const capabilities = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
]
const mapping = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
const hidden = ['nosuid', 'noexec', 'nodev']

export const ociConfig = {
  ociVersion: '1.0.2',
  hostname: 'box',
  root: { path: 'rootfs' },
  process: {
    args: ['/bin/true'],
    cwd: '/',
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    user: { uid: 0, gid: 0 },
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
    noNewPrivileges: true,
  },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: hidden },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...hidden, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: hidden },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...hidden, 'ro'] },
  ],
  linux: {
    namespaces: ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup'].map((type) => ({ type })),
    uidMappings: mapping,
    gidMappings: mapping,
    resources: { memory: { limit: 64 << 20 }, pids: { limit: 64 }, cpu: { quota: 50_000, period: 100_000 } },
  },
}
