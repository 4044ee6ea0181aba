/** Why an acknowledgement is refused. */
import { MpregError } from '../../wire/index.ts'

/** How many ids an error names. */
const NAMED_MAX = 20

/** Nothing was said of which alert is meant. */
export class AlertIdRequiredError extends MpregError {
  override readonly name = 'AlertIdRequiredError'
  readonly code = 'alert_id_required'

  constructor() {
    super('An alert_id is required: the alert_id of one of the active alerts')
  }
}

/** No alert of that id is active: it never fired, or is resolved. */
export class AlertNotFoundError extends MpregError {
  override readonly name = 'AlertNotFoundError'
  readonly code = 'alert_not_found'
  readonly alertId: string
  /** Ids that could have been meant. */
  readonly activeIds: readonly string[]

  constructor(alertId: string, activeIds: readonly string[]) {
    const more = activeIds.length > NAMED_MAX ? ` and ${activeIds.length - NAMED_MAX} more` : ''
    const active = activeIds.length === 0 ? 'no alert is' : `active are ${activeIds.slice(0, NAMED_MAX).join(', ')}${more}`
    super(`Alert ${JSON.stringify(alertId)} is not active; ${active}`)
    this.alertId = alertId
    this.activeIds = activeIds
  }
}
