/** A text file that is looked at again and again, and read only when it has changed. */
import { readFileSync, statSync } from 'node:fs'

export interface WatchedFile {
  /** Differs whenever the content does, as far as the file system tells. @throws Error when there is no such file */
  version(): string
  /** @throws Error when it can not be read */
  read(): string
}

/** Nothing is kept open, so a file may be replaced by another of its name, as careful editors and deployments do. */
export function watchedFile(path: string): WatchedFile {
  return {
    version() {
      const { ctimeNs, dev, ino, mtimeNs, size } = statSync(path, { bigint: true })
      return [dev, ino, size, mtimeNs, ctimeNs].join(':')
    },
    read: () => readFileSync(path, 'utf8'),
  }
}
