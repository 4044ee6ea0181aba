/** `/config…`: the policies in force, the version of the settings, and what is wrong with them. */
import { type ConfigurationStatus, type ConfigurationValidation, monitoringAnswers, type PolicyStatus } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import type { MonitorRoute } from '../route.ts'
import type { ConfigurationView } from '../views.ts'
import { answer } from './answer.ts'

export function configurationRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/config',
      description: 'Policies, version and faults of the settings in force',
      answer: monitoringAnswers['/config'],
      reply: () => answer(context, { configuration: configurationStatus(context) }),
    },
    {
      method: 'GET',
      path: '/config/policies',
      description: 'How many policies there are, and how many apply',
      answer: monitoringAnswers['/config/policies'],
      reply: () => answer(context, { policies: policyStatus(context) }),
    },
    {
      method: 'GET',
      path: '/config/validation',
      description: 'What is wrong with the settings in force',
      answer: monitoringAnswers['/config/validation'],
      reply: () => answer(context, { validation: configurationValidation(context) }),
    },
  ]
}

function configurationStatus({ views }: MonitorContext): ConfigurationStatus {
  const view = views.configuration()
  return {
    federation_mode: views.identity().federation_mode,
    policies: { total: view.policies_total, active: view.policies_active, compliance_percent: compliancePercent(view) },
    version_info: {
      configuration_version: view.version,
      last_update: view.last_update,
      pending_changes: view.pending_changes,
    },
    validation: { errors: view.errors },
  }
}

function policyStatus({ views }: MonitorContext): PolicyStatus {
  const view = views.configuration()
  return {
    federation_mode: views.identity().federation_mode,
    total_policies: view.policies_total,
    active_policies: view.policies_active,
    compliance_percent: compliancePercent(view),
  }
}

function configurationValidation({ views }: MonitorContext): ConfigurationValidation {
  const { errors, version, warnings } = views.configuration()
  return { is_valid: errors.length === 0, errors, warnings, configuration_version: version }
}

/** The share of the policies that apply; all of none. */
function compliancePercent({ policies_active: active, policies_total: total }: ConfigurationView): number {
  return total === 0 ? 100 : (100 * active) / total
}
