/** The launch by Box that the bench times: from the call to the end of disposal, and to the exit seen. */
import { closeSync, constants, openSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Cgroup } from '@box/cgroups'
import { defaultSeccompProfile, plan, spawn, standardMounts } from '@box/namespaces'
import { ociConfig } from './oci-config.mjs'

const { process: wanted, linux, hostname } = ociConfig
const map = linux.uidMappings.map(({ containerID, hostID, size }) => ({ containerId: containerID, hostId: hostID, size }))
const limits = { memory: linux.resources.memory.limit, pids: linux.resources.pids.limit, cpus: 0.5 }

/** O_PATH, which node:fs does not name (open(2)). */
const path = 0o10_000_000

/** Everything of oci-config.mjs, in a folder. */
export function launchAll(rootFolder) {
  const fd = openSync(rootFolder, path | constants.O_DIRECTORY)
  const { run } = launchIn({ fd, path: rootFolder })
  return { run, close: () => closeSync(fd) }
}

const optionsIn = (root) => ({
  namespaces: linux.namespaces.map(({ type }) => type),
  hostname,
  root,
  mounts: standardMounts.filter(({ type }) => type !== 'cgroup'),
  capabilities: wanted.capabilities.bounding,
  rlimits: { nofile: { soft: 1024 } },
  noNewPrivileges: true,
  seccomp: defaultSeccompProfile,
  stdio: 'ignore',
})

/** Everything of oci-config.mjs, in a root: a clone of its mount each time. */
export function launchIn(root) {
  const options = { ...optionsIn(root), uidMappings: map, gidMappings: map }
  let number = 0
  return {
    run: async () => {
      number += 1
      const began = performance.now()
      const group = await Cgroup.create(`box-bench-${process.pid}-${number}`, limits)
      try {
        return await time(began, wanted.args, { ...options, cgroup: group }, () => group.close())
      } finally {
        await group.close()
      }
    },
    close: () => {},
  }
}

/** Everything of it that an ordinary user can have, with the ids that are granted to it. Gives the milliseconds. */
export function launchRootless(root) {
  const options = optionsIn(root)
  return async () => (await time(performance.now(), wanted.args, options))['']
}

/** The filter of `launchAll`, as the kernel takes it. */
export function seccompFilter() {
  const { enter } = plan(['true'], { seccomp: defaultSeccompProfile, noNewPrivileges: true }).data
  return enter.find((step) => step.do === 'seccomp').filter
}

/** A program as it is, with nothing around it. */
export function launchNone(program) {
  return { run: () => time(performance.now(), [program], { stdio: 'ignore' }), close: () => {} }
}

async function time(began, command, options, dispose = async () => {}) {
  const child = await spawn(command, options)
  const { exitCode, signal } = await child.exited
  const seen = performance.now()
  await child.close()
  await dispose()
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${signal ?? exitCode}`)
  return { '': performance.now() - began, 'to exit': seen - began }
}

// `node box.mjs ROOT ROUNDS`: for counting system calls.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , root, rounds] = process.argv
  const all = launchAll(root)
  for (let round = 0; round < Number(rounds); round += 1) await all.run()
  all.close()
}
