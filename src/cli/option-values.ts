/** What the words after options may be. A word that will not do is a usage error that says what was expected. */
import { InvalidArgumentError } from 'commander'

/** For an option that may be given more than once. */
export function collect(word: string, before: readonly string[] = []): readonly string[] {
  return [...before, word]
}

export function positiveInteger(word: string): number {
  const number = Number(word)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('Expected a whole number of 1 or more.')
  return number
}

/** A length of time, in seconds; none at all would be a busy loop. */
export function positiveSeconds(word: string): number {
  const number = Number(word)
  if (word.trim() === '' || !Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('Expected a number of seconds above 0.')
  return number
}

/** For options whose choices may be written in any case. */
export function anyCase(choices: readonly string[]): (word: string) => string {
  return (word) => {
    const choice = choices.find((one) => one.toLowerCase() === word.toLowerCase())
    if (choice === undefined) throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
    return choice
  }
}
