import { BoxError, type Digest, type Platform } from '@box/core'
import type { ImageConfig } from '@box/oci'
import type { ImageSettings } from '../options.ts'

type Parameters = NonNullable<ImageConfig['config']>

/**
 * The configuration of a new image (image-spec, config.md): the base's, with the settings in place of its own and the layers, by their
 * diffIDs, on top. What this package does not know in the base's stays there.
 */
export function newConfig(
  base: ImageConfig | undefined,
  settings: ImageSettings,
  platform: Platform,
  added: readonly Digest[],
): ImageConfig {
  const created = (settings.created ?? new Date(0)).toISOString()
  const { history: _, ...rest } = base ?? {}
  const history = newHistory(base, settings, created, added.length)
  return {
    ...rest,
    ...platform,
    created,
    ...(settings.author === undefined ? {} : { author: settings.author }),
    config: newParameters(base?.config ?? {}, settings),
    rootfs: { type: 'layers', diff_ids: [...(base?.rootfs.diff_ids ?? []), ...added] },
    ...(history === undefined ? {} : { history }),
  }
}

/** An entry for each layer, or one that says that there is none. A base whose history does not tell its layers gets none: it could only be wrong. */
function newHistory(base: ImageConfig | undefined, settings: ImageSettings, created: string, added: number): ImageConfig['history'] {
  if (base !== undefined && !historyTellsLayers(base)) return undefined
  const before = base?.history ?? []
  const entry = {
    created,
    created_by: settings.createdBy ?? 'box',
    ...(settings.author === undefined ? {} : { author: settings.author }),
    ...(settings.comment === undefined ? {} : { comment: settings.comment }),
  }
  return [...before, ...(added === 0 ? [{ ...entry, empty_layer: true }] : Array.from({ length: added }, () => entry))]
}

/** Whether there is an entry of the history for each layer. */
export function historyTellsLayers({ history, rootfs }: ImageConfig): boolean {
  return (history ?? []).filter(({ empty_layer }) => empty_layer !== true).length === rootfs.diff_ids.length
}

/** As with Docker, a new entrypoint without a new command leaves no command: the old one was meant as arguments of the old entrypoint. */
function newParameters(base: Parameters, settings: ImageSettings): Parameters {
  const cmd = settings.cmd ?? (settings.entrypoint === undefined ? (base.Cmd ?? undefined) : undefined)
  const { Cmd: _, ...rest } = base
  return {
    ...rest,
    ...(settings.user === undefined ? {} : { User: settings.user }),
    ...(settings.entrypoint === undefined ? {} : { Entrypoint: settings.entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(settings.workingDir === undefined ? {} : { WorkingDir: absolute('workingDir', settings.workingDir) }),
    ...(settings.stopSignal === undefined ? {} : { StopSignal: settings.stopSignal }),
    ...(settings.env === undefined ? {} : { Env: mergedEnvironment(base.Env ?? [], settings.env) }),
    ...(settings.labels === undefined ? {} : { Labels: { ...base.Labels, ...settings.labels } }),
    ...(settings.exposedPorts === undefined ? {} : { ExposedPorts: { ...base.ExposedPorts, ...named(settings.exposedPorts) } }),
    ...(settings.volumes === undefined
      ? {}
      : { Volumes: { ...base.Volumes, ...named(settings.volumes.map((path) => absolute('volumes', path))) } }),
  }
}

/** A variable that is set again keeps its place. */
function mergedEnvironment(base: readonly string[], added: Readonly<Record<string, string>>): readonly string[] {
  const variables = new Map(base.map((line) => [line.slice(0, nameEnd(line)), line] as const))
  for (const [name, value] of Object.entries(added)) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0'))
      throw new BoxError(
        'ERR_BOX_INVALID_ARGUMENT',
        `${JSON.stringify(name)} cannot be an environment variable: a name has no "=", and nothing a NUL`,
      )
    variables.set(name, `${name}=${value}`)
  }
  return [...variables.values()]
}

function nameEnd(line: string): number {
  const end = line.indexOf('=')
  return end < 0 ? line.length : end
}

function named(names: readonly string[]): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

function absolute(option: string, path: string): string {
  if (path.startsWith('/') && !path.includes('\0')) return path
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${option}: ${JSON.stringify(path)} is not an absolute path`)
}
