/**
 * Ctrl-C in a command that has nothing to tidy up: `Aborted!`, and exit code 1. A command that ends in good order by itself, as a server or a
 * watch does, listens to the signal too, and then this stands back.
 */
import { EXIT_FAILURE } from './outcome.ts'

export function abortOnInterrupt(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) > 1) return
      process.stderr.write('Aborted!\n')
      process.exit(EXIT_FAILURE)
    })
  }
}
