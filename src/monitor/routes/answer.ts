/** The frame of nearly every answer: `status` first, `timestamp` last. */
import type { MonitorContext } from '../context.ts'

export function answer<T extends object>({ clock }: Pick<MonitorContext, 'clock'>, members: T): { status: 'ok'; timestamp: number } & T {
  return { status: 'ok', ...members, timestamp: clock.wall() }
}
