/** The published description of a function: what `rpc_list` and `rpc_describe` show, and what a catalog entry carries. */
import type { FunctionIdentity } from '../wire/index.ts'
import type { Parameter, ParameterKind } from './parameters.ts'
import type { TypeSpec } from './type-spec.ts'

/** Documentation: a structured comment (summary, `Args:`, `Returns:`), or its parts. */
export type DocInit =
  | string
  | {
      readonly summary: string
      readonly description?: string
      readonly params?: Readonly<Record<string, string>>
      readonly returns?: string
    }

export interface ExampleInit {
  readonly name: string
  readonly description?: string
  readonly request?: unknown
  readonly response?: unknown
}

export interface SpecDoc {
  readonly summary: string
  readonly description: string
  readonly param_docs: readonly { readonly name: string; readonly description: string }[]
  readonly return_doc: string
}

export interface SpecParameter {
  readonly name: string
  readonly kind: ParameterKind
  readonly type_spec: TypeSpec
  readonly required: boolean
  readonly default: { readonly has_default: boolean; readonly encoding: 'none' | 'json'; readonly json_value?: unknown }
  readonly doc: string
}

export interface RpcSpec {
  readonly identity: FunctionIdentity
  readonly namespace: string
  readonly doc: SpecDoc
  readonly parameters: readonly SpecParameter[]
  readonly return_spec: { readonly type_spec: TypeSpec; readonly doc: string }
  readonly resources: readonly string[]
  readonly tags: readonly string[]
  readonly scope: string
  readonly capabilities: readonly string[]
  readonly examples: readonly ExampleInit[]
  readonly spec_version: '1'
  /** Hex SHA-256 of the canonical text of all the rest. */
  readonly spec_digest: string
}

export interface RpcSummary {
  readonly identity: FunctionIdentity
  readonly namespace: string
  readonly summary: string
  readonly parameter_count: number
  readonly required_parameter_count: number
  readonly return_type: TypeSpec
  readonly spec_version: '1'
  readonly spec_digest: string
  /** Those besides `rpc`; left out when there are none. */
  readonly capabilities?: readonly string[]
}

export interface SpecParts {
  readonly identity: FunctionIdentity
  readonly namespace: string
  readonly parameters: readonly Parameter[]
  readonly returns: TypeSpec
  readonly doc: DocInit | undefined
  readonly resources: readonly string[]
  readonly tags: readonly string[]
  readonly scope: string
  readonly capabilities: readonly string[]
  readonly examples: readonly ExampleInit[]
}

/** @param digest hex SHA-256 over the canonical text of the spec without its digest */
export function buildSpec(parts: SpecParts, digest: (spec: Omit<RpcSpec, 'spec_digest'>) => string): RpcSpec {
  const doc = specDoc(parts.doc, parts.identity.name)
  const docOf = new Map(doc.param_docs.map((entry) => [entry.name, entry.description]))
  const spec: Omit<RpcSpec, 'spec_digest'> = {
    identity: parts.identity,
    namespace: parts.namespace,
    doc,
    parameters: parts.parameters.map((p) => ({
      name: p.name,
      kind: p.kind,
      type_spec: p.type,
      required: p.required,
      default: p.hasDefault ? { has_default: true, encoding: 'json', json_value: p.default } : { has_default: false, encoding: 'none' },
      doc: docOf.get(p.name) ?? p.doc,
    })),
    return_spec: { type_spec: parts.returns, doc: doc.return_doc },
    resources: [...parts.resources].sort(),
    tags: [...parts.tags].sort(),
    scope: parts.scope,
    capabilities: [...parts.capabilities].sort(),
    examples: parts.examples.map(({ name, description = '', request, response }) => ({
      name,
      description,
      ...(request == null ? {} : { request }),
      ...(response == null ? {} : { response }),
    })),
    spec_version: '1',
  }
  return { ...spec, parameters: spec.parameters.map(withoutNullDefault), spec_digest: digest(spec) }
}

/** The digest covers a default of null; the spec as it is sent leaves the null out, like every empty field. */
function withoutNullDefault(parameter: SpecParameter): SpecParameter {
  if (parameter.default.json_value !== null) return parameter
  return { ...parameter, default: { has_default: true, encoding: 'json' } }
}

export function summaryOf(spec: RpcSpec): RpcSummary {
  // That it can be called says nothing of a function.
  const capabilities = spec.capabilities.filter((capability) => capability !== 'rpc')
  return {
    identity: spec.identity,
    namespace: spec.namespace,
    summary: spec.doc.summary,
    parameter_count: spec.parameters.length,
    required_parameter_count: spec.parameters.filter((p) => p.required).length,
    return_type: spec.return_spec.type_spec,
    spec_version: spec.spec_version,
    spec_digest: spec.spec_digest,
    ...(capabilities.length > 0 && { capabilities }),
  }
}

function specDoc(init: DocInit | undefined, name: string): SpecDoc {
  if (typeof init === 'object') {
    const params = Object.entries(init.params ?? {}).map(([param, description]) => ({ name: param, description }))
    return { summary: init.summary, description: init.description ?? '', param_docs: params, return_doc: init.returns ?? '' }
  }
  return parseDoc(init ?? '', name)
}

/** Reads a structured comment: summary line, description, an `Args:` section of `name: text` lines, a `Returns:` section. */
function parseDoc(text: string, name: string): SpecDoc {
  const lines = text.split('\n').map((line) => line.trim())
  const first = lines.findIndex((line) => line !== '')
  if (first < 0) return { summary: name.replaceAll('_', ' '), description: '', param_docs: [], return_doc: '' }
  const description: string[] = []
  const params: { name: string; description: string }[] = []
  const returns: string[] = []
  let section: 'description' | 'params' | 'returns' = 'description'
  for (const line of lines.slice(first + 1)) {
    if (line === '') continue
    if (/^(?:args|arguments|parameters):$/i.test(line)) section = 'params'
    else if (/^returns?:$/i.test(line)) section = 'returns'
    else if (section === 'description') description.push(line)
    else if (section === 'returns') returns.push(line)
    else {
      const colon = line.indexOf(':')
      const last = params.at(-1)
      if (colon > 0) params.push({ name: line.slice(0, colon).split(/\s/)[0] as string, description: line.slice(colon + 1).trim() })
      else if (last !== undefined) last.description = `${last.description} ${line}`
    }
  }
  return { summary: lines[first] as string, description: description.join(' '), param_docs: params, return_doc: returns.join(' ') }
}
