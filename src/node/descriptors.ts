/** File descriptors of this process: dialling waits when they run short. Linux only; elsewhere nothing is known. */
import { readdirSync, readFileSync } from 'node:fs'

export function openDescriptors(): { readonly used: number; readonly limit: number } | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? undefined : { used: readdirSync('/proc/self/fd').length, limit: Number(limit) }
  } catch {
    return undefined
  }
}
