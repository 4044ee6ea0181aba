/**
 * A compressed tar archive that is written entry by entry. It is written under another name first: an archive that is there is whole, and one
 * that could not be finished leaves nothing behind.
 */
import { once } from 'node:events'
import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { createGzip } from 'node:zlib'
import { CommandFailure } from './outcome.ts'
import { tarEnd, tarEntry } from './tar.ts'

export interface Archive {
  /** One after the other: an entry is added when the one before is. @throws CommandFailure when the file can not be written */
  add(name: string, content: Buffer): Promise<void>
  /** Puts the whole archive in its place. @throws CommandFailure when the file can not be written */
  close(): Promise<void>
  /** Leaves nothing behind, unless it is closed. */
  discard(): void
}

export function openArchive(file: string): Archive {
  const temporary = `${file}.part`
  const gzip = createGzip()
  const output = createWriteStream(temporary, { mode: 0o600 })
  let failure: CommandFailure | undefined
  let isDone = false
  /** Whoever waits for the streams. There is one listener for each event, however many entries wait one after the other. */
  let wake = (): void => {}

  for (const stream of [gzip, output]) {
    stream.on('error', (error: Error) => {
      failure ??= new CommandFailure(`Error: ${file} can not be written: ${error.message}`, { cause: error })
      output.destroy()
      wake()
    })
  }
  gzip.on('drain', () => wake())
  gzip.pipe(output)
  // An archive that is cut short leaves nothing behind either.
  process.on('exit', discard)

  function discard(): void {
    process.off('exit', discard)
    if (isDone) return
    gzip.destroy()
    output.destroy()
    rmSync(temporary, { force: true })
  }

  async function write(bytes: Buffer): Promise<void> {
    throwFailure()
    if (gzip.write(bytes)) return
    await new Promise<void>((resolve) => {
      wake = resolve
    })
    throwFailure()
  }

  function throwFailure(): void {
    if (failure !== undefined) throw failure
  }

  return {
    add: (name, content) => write(tarEntry({ name, content, modifiedAt: Date.now() / 1000 })),
    async close() {
      await write(tarEnd())
      gzip.end()
      // That it failed is told by the failure, which says of what file.
      await once(output, 'close').catch(() => {})
      throwFailure()
      renameSync(temporary, file)
      isDone = true
    },
    discard,
  }
}
