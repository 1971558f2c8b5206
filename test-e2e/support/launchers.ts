import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The launchers that this process has started. */
export function launchers(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
      return parent === String(process.pid) && readlinkSync(`/proc/${name}/exe`).startsWith('/memfd:box-launcher') ? [Number(name)] : []
    } catch {
      return []
    }
  })
}
