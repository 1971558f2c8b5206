import type { ImageConfig } from '../generated/types.ts'

/** What an image says of the process that runs in it. All of it is data from the image: nothing here may decide what the runtime does beyond the process. */
export interface ImageProcess {
  /** `Entrypoint` and after it `Cmd`. May be empty. */
  readonly args: readonly string[]
  /** By name. Of a name that is there twice the last value counts. */
  readonly env: Readonly<Record<string, string>>
  /** `/` where the image says none. */
  readonly cwd: string
  /** As the image writes it, for `resolveUser`. Empty where it says none. */
  readonly user: string
  /** The signal that asks the process to end: `SIGTERM`, `SIGRTMIN+3`. */
  readonly stopSignal?: string
  /** The ports that the image means to be reached at, in its order. */
  readonly exposedPorts: readonly ExposedPort[]
  /** Folders whose content is not the image's, as the image writes them. */
  readonly volumes: readonly string[]
  /** The labels, and what the image specification makes of other fields (conversion.md, "Annotation Fields"). */
  readonly annotations: Readonly<Record<string, string>>
}

export interface ExposedPort {
  readonly port: number
  readonly protocol: string
}

/** What a caller says instead of the image. */
export interface ProcessOverrides {
  /** Replaces `Entrypoint`, and with it drops the image's `Cmd`. */
  readonly entrypoint?: readonly string[] | undefined
  /** Replaces `Cmd`. */
  readonly args?: readonly string[] | undefined
  /** Added to the image's environment; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd?: string | undefined
  readonly user?: string | undefined
}

/** Converts an image's configuration to what a process needs (image-spec, conversion.md). */
export function imageProcess(image: ImageConfig, overrides: ProcessOverrides = {}): ImageProcess {
  const config = image.config ?? {}
  const command = overrides.args ?? (overrides.entrypoint === undefined ? config.Cmd : undefined) ?? []
  const stopSignal = config.StopSignal ?? ''
  return {
    args: [...(overrides.entrypoint ?? config.Entrypoint ?? []), ...command],
    env: environment(config.Env ?? [], overrides.env ?? {}),
    cwd: overrides.cwd ?? nonEmpty(config.WorkingDir) ?? '/',
    user: overrides.user ?? config.User ?? '',
    ...(stopSignal === '' ? {} : { stopSignal }),
    exposedPorts: Object.keys(config.ExposedPorts ?? {}).flatMap((text) => parsePort(text) ?? []),
    volumes: Object.keys(config.Volumes ?? {}),
    annotations: annotations(image),
  }
}

function environment(entries: readonly string[], added: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const values = new Map<string, string>()
  for (const entry of entries) {
    const equals = entry.indexOf('=')
    if (equals > 0) values.set(entry.slice(0, equals), entry.slice(equals + 1))
  }
  for (const [name, value] of Object.entries(added)) {
    if (value === undefined) values.delete(name)
    else values.set(name, value)
  }
  return Object.fromEntries(values)
}

/** Labels go before what is made of other fields. */
function annotations(image: ImageConfig): Readonly<Record<string, string>> {
  const { config } = image
  const implicit: readonly (readonly [string, string | null | undefined])[] = [
    ['os', image.os],
    ['architecture', image.architecture],
    ['variant', image.variant],
    ['os.version', image['os.version']],
    ['os.features', image['os.features']?.join(',')],
    ['author', image.author],
    ['created', image.created],
    ['stopSignal', config?.StopSignal],
    ['exposedPorts', Object.keys(config?.ExposedPorts ?? {}).join(',')],
  ]
  const all = new Map<string, string>()
  for (const [name, value] of implicit) {
    const text = nonEmpty(value)
    if (text !== undefined) all.set(`org.opencontainers.image.${name}`, text)
  }
  for (const [name, value] of Object.entries(config?.Labels ?? {})) all.set(name, value)
  return Object.fromEntries(all)
}

/** `8080/tcp`, `53/udp`, `80` (tcp). What is none of these says nothing. */
function parsePort(text: string): ExposedPort | undefined {
  const [, digits, protocol = 'tcp'] = /^([0-9]{1,5})(?:\/([a-z]+))?$/.exec(text) ?? []
  const port = Number(digits)
  return digits !== undefined && port > 0 && port <= 65_535 ? { port, protocol } : undefined
}

function nonEmpty(text: string | null | undefined): string | undefined {
  return text === null || text === '' ? undefined : text
}
