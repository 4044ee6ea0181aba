/** Escalation: who is told when nobody reacted to an alert within 5, 15, 30 and 60 minutes. */
import type { Cancel, Timers } from '../../base/index.ts'
import { ESCALATION_LEVELS, ESCALATION_MINUTES, type EscalationLevel, type EscalationPolicy } from './notification.ts'

export interface Escalations {
  /** Levels still to come, of all alerts. */
  readonly pending: number
  /**
   * Calls `tell` at each level the policy has; immediate channels are not its business. Replaces what was scheduled for `subjectId`. False when
   * too many alerts escalate already.
   */
  schedule(subjectId: string, policy: EscalationPolicy, tell: (level: EscalationLevel, channels: readonly string[]) => void): boolean
  /** Somebody reacted, or it is over. */
  cancel(subjectId: string): void
  stop(): void
}

/** Alerts that escalate at once. */
const SUBJECTS_MAX = 1_000

export function createEscalations(timers: Timers, maxSeconds: number): Escalations {
  /** The levels to come of each subject. */
  const subjects = new Map<string, Map<EscalationLevel, Cancel>>()
  let pending = 0

  function cancel(subjectId: string): void {
    const levels = subjects.get(subjectId)
    if (levels === undefined) return
    for (const cancelLevel of levels.values()) cancelLevel()
    pending -= levels.size
    subjects.delete(subjectId)
  }

  function done(subjectId: string, levels: Map<EscalationLevel, Cancel>, level: EscalationLevel): void {
    levels.delete(level)
    pending--
    if (levels.size === 0) subjects.delete(subjectId)
  }

  return {
    get pending() {
      return pending
    },
    schedule(subjectId, policy, tell) {
      cancel(subjectId)
      const due = ESCALATION_LEVELS.filter((level) => {
        const seconds = ESCALATION_MINUTES[level] * 60
        return seconds > 0 && seconds <= maxSeconds && policy.escalation_levels[level] !== undefined
      })
      if (due.length === 0) return true
      if (subjects.size >= SUBJECTS_MAX) return false
      const levels = new Map<EscalationLevel, Cancel>()
      for (const level of due) {
        const fire = (): void => {
          done(subjectId, levels, level)
          tell(level, channelsOf(policy, level))
        }
        levels.set(level, timers.after(ESCALATION_MINUTES[level] * 60_000, fire))
      }
      pending += levels.size
      subjects.set(subjectId, levels)
      return true
    },
    cancel,
    stop() {
      for (const subjectId of [...subjects.keys()]) cancel(subjectId)
    },
  }
}

/** The channels of a level; the default ones where it is there but names none, and none where it is not. */
export function channelsOf(policy: EscalationPolicy, level: EscalationLevel): readonly string[] {
  const channels = policy.escalation_levels[level]
  return channels?.length === 0 ? policy.default_channels : (channels ?? [])
}
