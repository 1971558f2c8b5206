import { standardCapabilities } from '@box/namespaces'
import type { StartOptions } from '@box/runtime'

/** What an attack needs to work: the host's ids, the rights of its root, and no filter. Shows that a test's attack is a real one. */
export const unsafe: StartOptions = {
  userns: 'host',
  capabilities: [...standardCapabilities, 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'],
  seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
}
