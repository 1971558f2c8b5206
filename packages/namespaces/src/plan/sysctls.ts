import type { NamespaceKind } from '../options.ts'
import { invalid, text } from './invalid.ts'
import type { Namespaces } from './namespaces.ts'

/** The parameters that a namespace has for itself (sysctl(2), namespaces(7)): every other one is the host's. */
const owned: readonly (readonly [NamespaceKind, RegExp])[] = [
  ['network', /^net\//],
  ['ipc', /^(fs\/mqueue\/|kernel\/(msg[a-z_]+|sem|sem_next_id|shm[a-z_]+|auto_msgmni)$)/],
  ['uts', /^kernel\/(hostname|domainname)$/],
  ['user', /^user\/max_[a-z_]+$/],
]

/** The path of a kernel parameter below /proc/sys, which must belong to a namespace that is not the caller's. */
export function sysctlPath(name: string, namespaces: Namespaces): string {
  text('sysctls', name)
  const path = name.includes('/') ? name : name.replaceAll('.', '/')
  if (!/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_.:-]+)+$/.test(path) || path.split('/').includes('..'))
    throw invalid('sysctls', name, 'the name of a kernel parameter')
  const [kind] = owned.find(([, names]) => names.test(path)) ?? []
  if (kind === undefined) throw invalid('sysctls', name, 'a parameter of a namespace: it would change the host')
  if (!namespaces.fresh.has(kind) && !namespaces.joined.has(kind))
    throw invalid('sysctls', name, `possible without a ${kind} namespace of its own: it would change the host`)
  return path
}
