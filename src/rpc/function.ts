/** From what a user passes to `register` to a function the registry holds. */
import { formatVersion, parseVersion, type Version } from '../base/index.ts'
import type { Call } from './call.ts'
import { declaredParameters, type ParameterInit, parametersOf, signatureOf } from './parameters.ts'
import { type Invoke, type RegisteredFunction, RegistrationError } from './registry.ts'
import { buildSpec, type DocInit, type ExampleInit, type RpcSpec } from './spec.ts'
import { type TypeInit, typeSpecOf } from './type-spec.ts'

export interface FunctionOptions {
  /** Global id of the function; default: its name. */
  readonly functionId?: string
  /** `MAJOR[.MINOR[.PATCH]]`, default `1.0.0`. */
  readonly version?: string
  /** Resources (data sets, GPUs) a call may require; the command's `locs` must all be among them. */
  readonly resources?: Iterable<string>
  /** Default: the name up to its last dot. */
  readonly namespace?: string
  readonly tags?: Iterable<string>
  /** How far the function is announced: `local`, `zone` (default), `region`, `global`. */
  readonly scope?: 'local' | 'zone' | 'region' | 'global'
  readonly capabilities?: Iterable<string>
  readonly doc?: DocInit
  readonly examples?: readonly ExampleInit[]
  /** Parameters in order, each a type word or a JSON Schema. Without it, names are read off the function and types are unknown. */
  readonly params?: Readonly<Record<string, ParameterInit>>
  readonly returns?: TypeInit
  /** Pass the running call (signal, deadline, caller) as first argument. Not for worker functions. */
  readonly withCall?: boolean
  /** Arguments arrive as `RawJson` where only their text is faithful (`1.0`, integers beyond 64-bit floats); the function passes them on. Not for worker functions. */
  readonly raw?: boolean
  /** Who may call: false answers 403. */
  readonly authorize?: (call: Call) => boolean | Promise<boolean>
}

type AnyFunction = (...args: never[]) => unknown

/**
 * @param target a function, or how to run one that lives elsewhere
 * @param digest see {@link buildSpec}
 * @throws RegistrationError
 */
export function describeFunction(
  name: string,
  target: AnyFunction | { readonly invoke: Invoke },
  options: FunctionOptions,
  digest: (spec: Omit<RpcSpec, 'spec_digest'>) => string,
): RegisteredFunction {
  if (typeof name !== 'string' || name.trim() === '')
    throw new RegistrationError(`A function needs a name, got ${JSON.stringify(name)}`, { code: 'invalid_name' })
  if (typeof target !== 'function') refuseLocalOptions(name, options)
  const version = versionOf(name, options.version ?? '1.0.0')
  const versionText = formatVersion(version)
  const functionId = options.functionId ?? name
  const resources = new Set(options.resources)
  const namespace = options.namespace ?? name.slice(0, Math.max(0, name.lastIndexOf('.')))
  const scope = options.scope ?? 'zone'
  const tags = [...new Set(options.tags)].sort()
  const own = typeof target === 'function' && options.params === undefined ? parametersOf(target) : undefined
  const parameters = options.params !== undefined ? declaredParameters(options.params) : options.withCall === true ? own?.slice(1) : own
  const spec = buildSpec(
    {
      identity: { name, function_id: functionId, version: versionText },
      namespace,
      parameters: parameters ?? [],
      returns: typeSpecOf(options.returns),
      doc: options.doc,
      resources: [...resources],
      tags,
      scope,
      capabilities: [...new Set(options.capabilities)],
      examples: options.examples ?? [],
    },
    digest,
  )
  return {
    name,
    functionId,
    version,
    versionText,
    resources,
    namespace,
    tags,
    scope,
    spec,
    signature: signatureOf(name, parameters),
    raw: options.raw ?? false,
    authorize: options.authorize,
    invoke: typeof target === 'function' ? invoker(target, options.withCall ?? false) : target.invoke,
  }
}

function refuseLocalOptions(name: string, { withCall, raw }: FunctionOptions): void {
  const option = withCall === true ? 'withCall' : raw === true ? 'raw' : undefined
  if (option === undefined) return
  throw new RegistrationError(
    `${name}: a worker function gets plain copies of its arguments and no call; leave out '${option}', or register the function itself`,
    { code: 'invalid_option' },
  )
}

function versionOf(name: string, text: string): Version {
  try {
    return parseVersion(text)
  } catch (error) {
    throw new RegistrationError(`${name}: ${(error as Error).message}`, { code: 'invalid_version', cause: error })
  }
}

function invoker(fn: AnyFunction, withCall: boolean): Invoke {
  const callable = fn as (...args: unknown[]) => unknown
  return withCall ? (args, call) => callable(call, ...args) : (args) => callable(...args)
}
