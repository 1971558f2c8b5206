import { BoxError } from '@box/core'

/** One line of /proc/PID/mountinfo, as far as cgroups need it (proc_pid_mountinfo(5)). */
export interface Mount {
  /** The folder of the file system that the mount shows as its root. */
  readonly root: string
  readonly mountPoint: string
  readonly options: readonly string[]
  readonly type: string
  readonly superOptions: readonly string[]
}

/**
 * Reads a mountinfo file.
 * @throws BoxError `ERR_BOX_SYSTEM` for a line that is not as the manual page says.
 */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').filter(Boolean).map(parseLine)
}

function parseLine(line: string): Mount {
  const fields = line.split(' ')
  // Between the sixth field and the separator there are any number of optional fields.
  const separator = fields.indexOf('-', 6)
  const [id, parent, device, root, mountPoint, options] = fields
  const [type, , superOptions] = separator === -1 ? [] : fields.slice(separator + 1)
  const whole = /^\d+$/.test(id ?? '') && /^\d+$/.test(parent ?? '') && /^\d+:\d+$/.test(device ?? '')
  if (!whole || root === undefined || mountPoint === undefined || options === undefined || type === undefined || superOptions === undefined)
    throw new BoxError('ERR_BOX_SYSTEM', `A line of mountinfo cannot be read: ${JSON.stringify(line)}`, { path: '/proc/self/mountinfo' })
  return {
    root: unescape(root),
    mountPoint: unescape(mountPoint),
    options: options.split(','),
    type,
    superOptions: superOptions.split(','),
  }
}

/** The kernel writes space, tab, newline and backslash as three octal digits, byte by byte. */
function unescape(field: string): string {
  return field.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
