import { randomBytes } from 'node:crypto'

import { Cgroup } from '@box/cgroups'
import { BoxError, channels, refuseUnknownOptions, type UserNamespaceTarget } from '@box/core'
import type { Image, LayerStore, MountedRoot } from '@box/layers'
import { createUserNamespace, spawn } from '@box/namespaces'
import { imageProcess, parseImageConfig } from '@box/oci'

import { makeCgroup } from './cgroup.ts'
import { Container } from './container.ts'
import { findImage } from './find-image.ts'
import { acquireIds } from './ids.ts'
import { startOptions } from './option-names.ts'
import type { StartOptions } from './options.ts'
import { Releases } from './releases.ts'
import type { RuntimeParts } from './runtime.ts'
import { sandbox, withGroups } from './sandbox.ts'
import { sweepOnce } from './sweep.ts'
import { userIn } from './user.ts'

/** A runtime's parts, with the store behind a function that opens it when it is needed. */
export interface Parts extends Omit<RuntimeParts, 'store'> {
  readonly store: () => Promise<LayerStore>
}

/** Makes and acquires what a container needs, and starts it. Whatever fails, what was acquired until then is given back. */
export async function startContainer(
  parts: Parts,
  image: string | Image,
  command?: readonly string[],
  options: StartOptions = {},
): Promise<Container> {
  if (!isImage(image))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `what is to be started is no image, nor the name of one: ${JSON.stringify(image)}`)
  return await channels.run.tracePromise(
    async () => {
      const releases = new Releases()
      try {
        return await assemble(parts, image, command, options, releases)
      } catch (error) {
        await releases.close().catch((failure: unknown) => {
          throw new AggregateError([error, failure], 'a container could not be started, and not everything could be given back', {
            cause: error,
          })
        })
        throw error
      }
    },
    { image: typeof image === 'string' ? image : image.digest },
  )
}

function isImage(given: string | Image): boolean {
  return typeof given === 'string' ? given !== '' : typeof given === 'object' && given !== null && 'configBytes' in given
}

async function assemble(
  parts: Parts,
  named: string | Image,
  given: readonly string[] | undefined,
  options: StartOptions,
  releases: Releases,
): Promise<Container> {
  const started = performance.now()
  if (given !== undefined && !Array.isArray(given))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the command ${JSON.stringify(given)} is not a list of its words`, {
      hint: "give a list: ['sh', '-c', 'echo hello']",
    })
  refuseUnknownOptions('a container', options, startOptions)
  options.signal?.throwIfAborted()
  await sweepOnce()
  const id = randomBytes(32).toString('hex')
  // First of all: limits that this host can't hold are known before anything is fetched.
  const cgroup = await makeCgroup(parts.cgroups ?? Cgroup, id, options.limits, releases)
  const store = await parts.store()
  const [image, userNamespace] = await both(
    typeof named === 'string' ? findImage(store, parts.registry, named, options) : Promise.resolve(named),
    makeUserNamespace(options.userns, releases),
  )
  const said = imageProcess(parseImageConfig(image.configBytes).value, { ...options, args: given })
  const command = said.args
  if (command.length === 0)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'no command was given, and the image names none', {
      hint: "give one: run(image, ['sh'])",
    })
  if (!said.cwd.startsWith('/'))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the working directory ${JSON.stringify(said.cwd)} is not an absolute path`)

  const root = await mountRoot(store, image, userNamespace, options)
  releases.add(() => root.close())

  const { home, ...found } = await userIn(root, said.user)
  const user = withGroups(found, options.additionalGids)
  if (options.readOnly !== true) await root.mkdir(said.cwd)
  const { env, cwd } = said
  const spawned = sandbox({ id, root, userNamespace: userNamespace ?? root.userNamespace, cgroup, user, home, env, cwd }, options)
  const launch = parts.launch ?? spawn
  const process = await launch(command, spawned)
  releases.endsWith(() => process.close())
  const { capabilities, additionalGids } = options
  const confinement = { spawned, root, user: said.user, env, cwd, launch, capabilities, additionalGids }
  return new Container({ id, image, command, root, cgroup, process, started, releases, confinement })
}

/** Where every container has something mounted. */
const places = ['dev', 'proc', 'sys'] as const

/** A root that cannot be written, unless folders to mount at are missing: then it is read-only inside alone. */
async function mountRoot(
  store: LayerStore,
  image: Image,
  userNamespace: UserNamespaceTarget | undefined,
  { readOnly, limits }: StartOptions,
): Promise<MountedRoot> {
  const upper = limits?.disk === undefined ? undefined : { tmpfs: limits.disk }
  const root = await store.mount(image, { readOnly, userNamespace, upper })
  if (readOnly !== true) return root
  try {
    const names = await root.readdir('/')
    if (places.every((name) => names.includes(name))) return root
  } catch (error) {
    await root.close()
    throw error
  }
  await root.close()
  return await store.mount(image, { userNamespace, upper })
}

/** As root a range of ids that nobody else uses. Otherwise the root brings the namespace that it was mounted in. */
async function makeUserNamespace(choice: StartOptions['userns'], releases: Releases): Promise<UserNamespaceTarget | undefined> {
  if (process.geteuid?.() !== 0 || choice === 'host') return undefined
  const ids = acquireIds()
  releases.add(async () => ids.release())
  const mapping = [{ containerId: 0, hostId: ids.first, size: ids.size }]
  const namespace = await createUserNamespace({ uidMappings: mapping, gidMappings: mapping })
  releases.add(() => namespace.close())
  return namespace
}

/** Waits for both, whatever fails: what the other one acquires is then known to `releases`. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}
