/** Rights on files (landlock(7)), in the order of the kernel's bits. */
export const landlockFileRights = [
  'execute',
  'writeFile',
  'readFile',
  'readDir',
  'removeDir',
  'removeFile',
  'makeChar',
  'makeDir',
  'makeReg',
  'makeSock',
  'makeFifo',
  'makeBlock',
  'makeSym',
  'refer',
  'truncate',
  'ioctlDev',
] as const

/** A right on a file, or on what is below a folder (`LANDLOCK_ACCESS_FS_…`). `refer` needs Linux 5.19, `truncate` 6.2, `ioctlDev` 6.10. */
export type LandlockFileRight = (typeof landlockFileRights)[number]

/** Reading files and folders, and executing programs. */
export const landlockReadOnly: readonly LandlockFileRight[] = ['execute', 'readFile', 'readDir']

/** What is allowed at a path, and below it where it is a folder. */
export interface LandlockPath {
  /** An absolute path in the process's own file tree. It must be there. */
  readonly path: string
  /** Of a file that is no folder only execute, writeFile, readFile, truncate and ioctlDev count. */
  readonly allow: readonly LandlockFileRight[]
}

/**
 * What the process and all that it starts may do, whatever their user may (landlock(7)). It needs no privilege and no namespace.
 * Each part that is given forbids everything of its kind but what it names; a part that is left out restricts nothing.
 */
export interface Landlock {
  /** All rights on files but these are taken. The program itself and its loader must be among them. What was opened before stays open. */
  readonly files?: readonly LandlockPath[] | undefined
  /** The TCP ports that sockets may be bound to: 0 is any that the kernel chooses. From Linux 6.7. */
  readonly bindTcp?: readonly number[] | undefined
  /** The TCP ports that may be connected to. From Linux 6.7. */
  readonly connectTcp?: readonly number[] | undefined
  /** What cannot be reached outside of the restricted processes: abstract unix sockets, signals. From Linux 6.12. */
  readonly scopes?: readonly ('abstractUnixSockets' | 'signals')[] | undefined
  /** Leaves out what the kernel does not know. Default: false, that is `ERR_BOX_UNSUPPORTED`. */
  readonly bestEffort?: boolean | undefined
}
