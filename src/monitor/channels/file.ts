/**
 * A file with one line of JSON for each notification.
 *
 * It is opened anew for each, so that it may be moved away at any time, as log rotation does; keeping it short is that one's business.
 */
import { appendFile } from 'node:fs/promises'
import { type AlertBackend, type AlertNotification, refused } from '../../telemetry/index.ts'

export const fileBackend: AlertBackend = {
  async send(notification, { path }) {
    if (typeof path !== 'string' || path === '') return refused('path is required')
    try {
      await appendFile(path, `${JSON.stringify(fileRecord(notification))}\n`)
      return { success: true, code: null, message: null, retriable: false }
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error))
    }
  },
}

function fileRecord({ channel_id, action, alert, aggregate, subject, body }: AlertNotification): unknown {
  return { channel_id, action, ...alert, subject, body, ...(aggregate !== null && { aggregate }) }
}
