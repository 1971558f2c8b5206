import { BoxError, type Descriptor } from '@box/core'
import { nameAnnotation } from '../layout/index-file.ts'
import { formatReference, isTag, parseReference } from '../reference.ts'

/** The annotation by which containerd and Docker name an image in full; that of the specification has often the tag alone. */
const fullNameAnnotation = 'io.containerd.image.name'

/** The names of an entry of index.json, that which says most first. */
export function namesOf({ annotations }: Descriptor): readonly string[] {
  const [full, short] = [fullNameAnnotation, nameAnnotation].map((key) => annotations?.[key])
  const names = short !== undefined && isTag(short) ? [full, short] : [short, full]
  return names.flatMap((name) => name ?? [])
}

/** The entry of an archive's index.json by which an image has that name, for skopeo, podman, containerd and Docker. */
export function namedEntry(descriptor: Descriptor, name: string): Descriptor {
  const full = fullName(name)
  const names = { ...(full === undefined ? {} : { [fullNameAnnotation]: full }), [nameAnnotation]: name }
  return { ...descriptor, annotations: { ...descriptor.annotations, ...names } }
}

/** The descriptor as it was before it was named. */
export function unnamed(entry: Descriptor): Descriptor {
  const { annotations, ...rest } = entry
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== nameAnnotation && key !== fullNameAnnotation)
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) }
}

/** A word alone may be the name of a repository, or a tag. */
function fullName(name: string): string | undefined {
  if (isTag(name)) return undefined
  try {
    return formatReference(parseReference(name))
  } catch (error) {
    // A name need not be a reference.
    if (error instanceof BoxError && error.code === 'ERR_BOX_REFERENCE_INVALID') return undefined
    throw error
  }
}
