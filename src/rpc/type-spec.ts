/** Types of parameters and results, in the vocabulary that all nodes of a mixed cluster read: `int`, `list[str]`, `float | None`. */

/** A type word, or a JSON Schema (which a TypeBox type is). */
export type TypeInit = string | JsonSchema

export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
  readonly description?: string
  readonly default?: unknown
}

/** Wire form of a type. */
export interface TypeSpec {
  readonly display: string
  readonly args: readonly string[]
  readonly is_optional: boolean
  readonly module?: string
  readonly qualname?: string
  readonly origin?: string
}

export const ANY: TypeSpec = { display: 'Any', args: [], is_optional: false, module: 'typing', qualname: 'Any' }

/** Words of JavaScript and JSON Schema, and what they are called on the wire. */
const WORDS: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  object: 'dict',
  array: 'list',
  null: 'None',
  any: 'Any',
  unknown: 'Any',
}

export function typeSpecOf(init: TypeInit | undefined): TypeSpec {
  if (init === undefined) return ANY
  return fromDisplay(typeof init === 'string' ? (WORDS[init] ?? init) : displayOf(init))
}

function displayOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(displayOf).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((word: string) => WORDS[word] ?? word).join(' | ')
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list[${displayOf(schema.items)}]`
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object')
    return `dict[str, ${displayOf(schema.additionalProperties)}]`
  return typeof schema.type === 'string' ? (WORDS[schema.type] ?? schema.type) : 'Any'
}

function fromDisplay(display: string): TypeSpec {
  const members = display.split('|').map((member) => member.trim())
  if (members.length > 1) {
    return { display, args: members, is_optional: members.includes('None'), module: 'typing', qualname: 'Union', origin: 'Union' }
  }
  if (display === 'Any') return ANY
  const generic = /^(list|dict|tuple|set)\[(.*)\]$/.exec(display)
  if (generic !== null) {
    const [, origin = '', inner = ''] = generic
    return { display, args: inner.split(',').map((arg) => arg.trim()), is_optional: false, module: 'builtins', qualname: origin, origin }
  }
  return { display, args: [], is_optional: false, module: 'builtins', qualname: display }
}

/** Whether a value fits a type as far as its outermost shape; unknown type words fit everything. */
export function accepts(type: TypeSpec, value: unknown): boolean {
  if (type === ANY) return true
  const words = type.origin === 'Union' ? type.args : [type.origin ?? type.display]
  return words.some((word) => acceptsWord(word, value))
}

function acceptsWord(word: string, value: unknown): boolean {
  switch (word.replace(/\[.*/, '')) {
    case 'int':
      return Number.isInteger(value) || typeof value === 'bigint'
    case 'float':
      return typeof value === 'number' || typeof value === 'bigint'
    case 'str':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'list':
    case 'tuple':
    case 'set':
      return Array.isArray(value)
    case 'dict':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'None':
      return value === null
    default:
      return true
  }
}
