// Whether containers can be made here: by trying with the smallest one, a program of this machine in six namespaces of its own.
import { plan, spawn } from '@box/namespaces'

const kinds = ['user', 'mount', 'pid', 'network', 'ipc', 'uts']

/** Undefined where they can; else lines that tell what would be done, the one thing that is missing, why, and what helps. */
export async function whatIsMissing(image) {
  const attempt = plan(['true'], { namespaces: kinds, env: { PATH: process.env.PATH } })
  try {
    const child = await spawn(['true'], { namespaces: kinds, env: { PATH: process.env.PATH } })
    await child.close()
    return undefined
  } catch (error) {
    return [
      `${image.digest} is there, verified and unpacked. To run it, more than these steps would be taken:`,
      ...String(attempt)
        .split('\n')
        .map((text) => `  ${text}`),
      `missing: ${error.message}`,
      `as root, or where ordinary users may make user namespaces, it works: sudo ${process.argv.slice(0, 2).join(' ')}`,
    ]
  }
}
