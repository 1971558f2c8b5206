import type { Descriptor } from '@box/core'

/** What is called with each part of an image on its way: manifests, indexes, configurations, layers, each once. A copy waits for what they return, and fails with what they throw. */
export interface CopyHooks {
  /** Before anything of the part is moved. What is below a manifest comes after it. */
  readonly before?: CopyHook
  /** When the part is there, whether it was copied, mounted or found: what is below a manifest before that is written, the whole image last, when it has its name. */
  readonly after?: CopyHook
}

export type CopyHook = (descriptor: Descriptor, options: { readonly signal: AbortSignal }) => void | Promise<void>
