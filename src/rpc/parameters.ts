/**
 * Parameters of a function: declared, or read off the function itself; and binding a call's arguments to them.
 *
 * A Python caller may pass `add(1, b=2)`. JavaScript has no keyword arguments, so they are placed by parameter name. Errors are worded as
 * Python words them, since callers of both languages meet them.
 */
import { parseJson, RawJson } from '../wire/index.ts'
import { ANY, accepts, type TypeInit, type TypeSpec, typeSpecOf } from './type-spec.ts'

export type ParameterKind = 'positional_only' | 'positional_or_keyword' | 'var_positional' | 'keyword_only' | 'var_keyword'

/** One declared parameter: a type word (`int`, `list[str]`), or a JSON Schema with `default` and `description`. */
export type ParameterInit =
  | TypeInit
  | { readonly type?: TypeInit; readonly kind?: ParameterKind; readonly default?: unknown; readonly doc?: string }

export interface Parameter {
  readonly name: string
  readonly kind: ParameterKind
  readonly type: TypeSpec
  readonly required: boolean
  readonly hasDefault: boolean
  readonly default: unknown
  readonly doc: string
}

/** Arguments that do not fit the parameters, or have the wrong type. */
class ArgumentError extends Error {
  override readonly name = 'TypeError'
  readonly code = 'invalid_arguments'
}

export function declaredParameters(init: Readonly<Record<string, ParameterInit>>): Parameter[] {
  return Object.entries(init).map(([name, given]) => {
    const whole =
      typeof given === 'object' ? (given as { kind?: ParameterKind; default?: unknown; doc?: string; description?: string }) : {}
    const nested = typeof given === 'object' && 'type' in given && ('kind' in given || 'doc' in given || typeof given.type === 'object')
    const kind = whole.kind ?? 'positional_or_keyword'
    const hasDefault = 'default' in whole
    return {
      name,
      kind,
      type: typeSpecOf(nested ? (given as { type: TypeInit }).type : (given as TypeInit)),
      required: !hasDefault && kind !== 'var_positional' && kind !== 'var_keyword',
      hasDefault,
      default: whole.default,
      doc: whole.doc ?? whole.description ?? '',
    }
  })
}

/**
 * Parameters as the function's own source names them, or undefined where the source does not tell (native and bound functions,
 * destructuring). Types are unknown, defaults are the function's own business.
 */
export function parametersOf(fn: (...args: never[]) => unknown): Parameter[] | undefined {
  const list = parameterList(Function.prototype.toString.call(fn))
  if (list === undefined) return undefined
  const parameters: Parameter[] = []
  for (const item of list) {
    const match = /^(\.\.\.)?\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(=)?/u.exec(item)
    if (match === null) return undefined
    const [, rest, name = '', hasDefault] = match
    parameters.push({
      name,
      kind: rest === undefined ? 'positional_or_keyword' : 'var_positional',
      type: ANY,
      required: rest === undefined && hasDefault === undefined,
      hasDefault: false,
      default: undefined,
      doc: '',
    })
  }
  return parameters
}

/** Splits the text between a function's parentheses at its top-level commas. */
function parameterList(source: string): string[] | undefined {
  const text = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
  const arrow = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(text)
  if (arrow !== null) return [arrow[1] as string]
  const head = /^(?:async\s*)?(?:function\b\s*\*?\s*[^\s(]*|[^\s(=]*)\s*\(/.exec(text)
  if (head === null || text.startsWith('class')) return undefined
  const items: string[] = []
  let item = ''
  for (let i = head[0].length, depth = 0, quote = ''; i < text.length; i++) {
    const c = text[i] as string
    if (quote !== '') {
      if (c === quote && text[i - 1] !== '\\') quote = ''
    } else if (c === '"' || c === "'" || c === '`') quote = c
    else if (c === '(' || c === '[' || c === '{') depth++
    else if (c === ')' && depth === 0) {
      if (text.includes('[native code]')) return undefined
      if (item.trim() !== '') items.push(item.trim())
      return items
    } else if (c === ')' || c === ']' || c === '}') depth--
    else if (c === ',' && depth === 0) {
      items.push(item.trim())
      item = ''
      continue
    }
    item += c
  }
  return undefined
}

/** Shape of a function's parameters, prepared once at registration. */
export interface Signature {
  readonly fun: string
  /** Undefined: unknown, any positional arguments pass. */
  readonly parameters: readonly Parameter[] | undefined
  readonly positional: readonly Parameter[]
  readonly requiredCount: number
  readonly takesRest: boolean
  /** Any parameter whose arguments are checked or filled in: a plain positional call needs a closer look. */
  readonly careful: boolean
}

export function signatureOf(fun: string, parameters: readonly Parameter[] | undefined): Signature {
  const positional = (parameters ?? []).filter((p) => p.kind === 'positional_only' || p.kind === 'positional_or_keyword')
  return {
    fun,
    parameters,
    positional,
    requiredCount: positional.filter((p) => p.required).length,
    takesRest: parameters?.some((p) => p.kind === 'var_positional') ?? true,
    careful: parameters?.some((p) => p.type !== ANY || p.hasDefault || p.kind === 'keyword_only' || p.kind === 'var_keyword') ?? false,
  }
}

const NO_KWARGS: Readonly<Record<string, unknown>> = Object.freeze({})

/**
 * The argument list to call the function with. Keyword-only parameters and the var-keyword one follow the positional ones, in declaration order.
 * @param raw keep values as they were carried, for functions that only pass them on
 * @throws ArgumentError
 */
export function bindArguments(
  signature: Signature,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>> = NO_KWARGS,
  raw = false,
): readonly unknown[] {
  let values = args
  let named = kwargs
  if (!raw) {
    if (args.some(isRaw)) values = args.map(opened)
    for (const key in kwargs) {
      if (!isRaw(kwargs[key])) continue
      named = Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, opened(value)]))
      break
    }
  }
  if (!signature.careful && hasNoKeys(named)) {
    const count = values.length
    if (count >= signature.requiredCount && (signature.takesRest || count <= signature.positional.length)) return values
  }
  return bindCarefully(signature, values, named)
}

function isRaw(value: unknown): value is RawJson {
  return value instanceof RawJson
}

function opened(value: unknown): unknown {
  return value instanceof RawJson ? parseJson(value.text) : value
}

function hasNoKeys(object: Readonly<Record<string, unknown>>): boolean {
  for (const _ in object) return false
  return true
}

function bindCarefully(signature: Signature, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown[] {
  const { fun, parameters, positional } = signature
  const left = new Map(Object.entries(kwargs))
  if (parameters === undefined) {
    if (left.size > 0)
      throw new ArgumentError(`${fun}() takes no keyword arguments: its parameter names are unknown; declare params at registration`)
    return [...args]
  }
  if (args.length > positional.length && !signature.takesRest) {
    throw new ArgumentError(
      `${fun}() takes ${counted(positional.length, 'positional argument')} but ${args.length} ${args.length === 1 ? 'was' : 'were'} given`,
    )
  }
  const bound: unknown[] = []
  const missing: string[] = []
  for (const parameter of parameters) {
    if (parameter.kind === 'var_positional') {
      bound.push(...args.slice(positional.length))
      continue
    }
    if (parameter.kind === 'var_keyword') {
      bound.push(Object.fromEntries(left))
      left.clear()
      continue
    }
    const index = positional.indexOf(parameter)
    const byKeyword = parameter.kind !== 'positional_only' && left.has(parameter.name)
    let value: unknown
    if (index >= 0 && index < args.length) {
      if (byKeyword) throw new ArgumentError(`${fun}() got multiple values for argument '${parameter.name}'`)
      value = args[index]
    } else if (byKeyword) {
      value = left.get(parameter.name)
      left.delete(parameter.name)
    } else if (parameter.required) {
      missing.push(parameter.name)
      continue
    } else {
      bound.push(parameter.hasDefault ? structuredClone(parameter.default) : undefined)
      continue
    }
    if (!accepts(parameter.type, value)) {
      throw new ArgumentError(`${fun}() argument '${parameter.name}' must be ${parameter.type.display}, got ${describe(value)}`)
    }
    bound.push(value)
  }
  if (missing.length > 0) {
    const names = missing.map((name) => `'${name}'`).join(' and ')
    throw new ArgumentError(`${fun}() missing ${counted(missing.length, 'required positional argument')}: ${names}`)
  }
  const unexpected = left.keys().next()
  if (!unexpected.done) throw new ArgumentError(`${fun}() got an unexpected keyword argument '${unexpected.value}'`)
  return bound
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function describe(value: unknown): string {
  if (value === null) return 'None'
  if (Array.isArray(value)) return 'list'
  return (
    { string: 'str', number: Number.isInteger(value) ? 'int' : 'float', bigint: 'int', boolean: 'bool', object: 'dict' }[
      typeof value as string
    ] ?? typeof value
  )
}
