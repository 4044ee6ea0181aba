/**
 * What a caller is told of a function nobody here can run: no more than discovery shows it. A name in a namespace that is hidden from the
 * caller gets the same answer whether there is such a function or not.
 */
import { type Viewer, viewerDenial } from '../discovery/index.ts'
import type { Catalog } from '../fabric/index.ts'
import type { Absence } from '../rpc/index.ts'
import { nearestName, type RefusalLedger } from '../telemetry/index.ts'
import type { Discovery } from './discovery.ts'
import { refusalsAtCatalog } from './function-reasons.ts'
import type { GoneFunctions } from './gone-functions.ts'

export interface AbsenceDeps {
  readonly refusals: RefusalLedger
  discovery(): Pick<Discovery, 'policy' | 'viewers'>
  /** Undefined before the start, and so is the next. */
  catalog(): Pick<Catalog, 'functionsNamed'> | undefined
  gone(): GoneFunctions | undefined
}

export function createAbsence({ catalog, discovery, gone, refusals }: AbsenceDeps): Absence {
  function isShown(name: string, viewer: Viewer): boolean {
    const entries = catalog()?.functionsNamed(name) ?? []
    return entries.some((entry) => viewerDenial(discovery().policy, entry, viewer) === undefined)
  }

  return {
    similar(name, known, caller) {
      const { policy, viewers } = discovery()
      const viewer = viewers.of(caller, {})
      const nearest = nearestName(name, known, (other) => !policy.enabled || isShown(other, viewer))
      return nearest === undefined ? [] : [nearest]
    },

    whyAbsent(name, caller) {
      const { policy, viewers } = discovery()
      if (!policy.viewer(name, viewers.of(caller, {})).allowed) return `no function '${name}' can be called here`
      const [keptOut] = refusalsAtCatalog(name, { refusals, gone: gone(), policy })
      if (keptOut === undefined) return undefined
      return `'${name}' is known elsewhere, and kept out here ${ruleText(keptOut.reason, policy.ruleFor(name)?.namespace)}`
    },
  }
}

/** @param namespace of the rule that covers the name */
function ruleText(reason: string, namespace: string | undefined): string {
  if (reason !== 'namespace_denied') return 'by federation_config.security_policy'
  return namespace === undefined ? 'since no namespace rule covers it' : `by the namespace rule for '${namespace}'`
}
