/**
 * Namespace rules as somebody wrote them, in a request or in the settings, and what is wrong with them. A slip of the pen must not open what
 * it was meant to close: what is not understood is a problem, never left out.
 */
import { nearestName } from '../telemetry/index.ts'
import { cutoverWindow, FrameError, memberNames, type NamespaceRule, namespaceRule } from '../wire/index.ts'
import { RULES_MAX, ruleProblems, tooManyRules } from './policy.ts'

const RULE_MEMBERS = memberNames(namespaceRule)
const WINDOW_MEMBERS = memberNames(cutoverWindow)

/** Of an unknown member's name, in a problem: names come from anybody, and problems are kept. */
const NAME_CHARACTERS_SHOWN = 60

export interface RulesRead {
  /** Those that can be read. All can be put in force if there are no problems. */
  readonly rules: readonly NamespaceRule[]
  readonly problems: readonly string[]
  /** How many there are, readable or not. */
  readonly given: number
}

/** One rule by itself stands for a list of one. */
export function readRules(given: unknown): RulesRead {
  const elements = asList(given)
  if (elements.length > RULES_MAX) return { rules: [], problems: [tooManyRules(elements.length)], given: elements.length }
  const problems: string[] = []
  const read = elements.map((element, index) => {
    const at = `rules[${index}]`
    const windows = asList(membersOf(element).cutover_windows)
    problems.push(
      ...unknownMembers(element, at, RULE_MEMBERS),
      ...windows.flatMap((window, place) => unknownMembers(window, `${at}.cutover_windows[${place}]`, WINDOW_MEMBERS)),
    )
    return readRule(element, at, problems)
  })
  return { rules: read.filter((rule) => rule !== undefined), problems: [...problems, ...ruleProblems(read)], given: elements.length }
}

function readRule(element: unknown, at: string, problems: string[]): NamespaceRule | undefined {
  const dropped: FrameError[] = []
  try {
    return namespaceRule.read(element, { text: '', now: 0, dropped }, 0)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    dropped.push(error)
    return undefined
  } finally {
    problems.push(...dropped.map(({ what, where }) => `${at}${placeText(where)} ${what}`))
  }
}

function unknownMembers(value: unknown, at: string, known: readonly string[]): string[] {
  return Object.keys(membersOf(value))
    .filter((name) => !known.includes(name))
    .map((name) => {
      // Further off than any slip, and yet clear: the beginning of a longer name.
      const nearest = nearestName(name, known) ?? (name.length > 2 ? known.find((one) => one.startsWith(name)) : undefined)
      return `${at}.${name.slice(0, NAME_CHARACTERS_SHOWN)} is unknown; ${nearest === undefined ? `choose from ${known.join(', ')}` : `did you mean ${nearest}?`}`
    })
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

/** `cutover_windows.1.starts_at` as `.cutover_windows[1].starts_at`. */
function placeText(where: string): string {
  if (where === '') return ''
  return where
    .split('.')
    .map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`))
    .join('')
}
