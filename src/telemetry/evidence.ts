/** Why no picture of the process (profile or heap snapshot) was taken. */
import { MpregError } from '../wire/index.ts'

export class EvidenceRefusedError extends MpregError {
  /** Another is being taken; or the runtime can not take any. */
  readonly code: 'EVIDENCE_BUSY' | 'EVIDENCE_UNAVAILABLE'

  constructor(message: string, options: { readonly code: EvidenceRefusedError['code']; readonly cause?: unknown }) {
    super(message, options)
    this.name = 'EvidenceRefusedError'
    this.code = options.code
  }
}
