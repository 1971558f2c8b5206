import { fromNative, refuseUnknownOptions } from '@box/core'
import { native } from '@box/native'
import { closeSync } from 'node:fs'
import { hintOf } from '../hints.ts'
import { systemCallAgentOptions } from '../option-names.ts'
import { absolute } from '../plan/invalid.ts'
import type { SystemCallAgent, SystemCallHandler } from '../seccomp.ts'

const ociVersion = '1.3.0'

/** Refuses an agent that is none. */
export function checkAgent(asked: SystemCallHandler | SystemCallAgent | undefined): void {
  if (asked === undefined || typeof asked === 'function') return
  refuseUnknownOptions('onSystemCall', asked, systemCallAgentOptions)
  absolute('onSystemCall.listenerPath', asked.listenerPath)
}

/**
 * Gives a listener to its agent, and closes it here. Where that fails nobody has it: the process's calls fail.
 * @throws BoxError `ERR_BOX_SYSTEM`, `ERR_BOX_NOT_FOUND`, `ERR_BOX_PERMISSION`
 */
export async function handOver(fd: number, pid: number, agent: SystemCallAgent): Promise<void> {
  const { listenerPath, listenerMetadata: metadata, id = '', bundle = '', annotations } = agent
  const state = { ociVersion, id, status: 'creating', pid, bundle, annotations }
  try {
    await native().handOverListener(fd, listenerPath, JSON.stringify({ ociVersion, fds: ['seccompFd'], pid, metadata, state }))
  } catch (error) {
    throw fromNative(error, hintOf)
  } finally {
    closeSync(fd)
  }
}
