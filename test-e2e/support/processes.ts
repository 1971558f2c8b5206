import { readdirSync, readFileSync } from 'node:fs'

/** The processes of this machine that have the word in their command line. */
export function processesWith(word: string): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) && commandLine(name).includes(word) ? [Number(name)] : []))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
