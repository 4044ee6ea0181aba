/**
 * The three forms in which an answer is printed: `json`, the body unchanged but for white space; `compact`, one line an item of
 * `key=value` pairs; `table`, for people. Each puts nothing else on standard output.
 */
import { Option } from 'commander'
import { indentJson } from './json-output.ts'
import { isObject, type JsonObject } from './json-value.ts'
import { printable, tableText } from './table.ts'

const formats = ['table', 'json', 'compact'] as const
export type Format = (typeof formats)[number]

export interface FormatFlags {
  readonly format?: Format
}

export function formatOption(fallback: Format): Option {
  return new Option('--format <format>', `how to print it (default: ${fallback})`).choices([...formats])
}

/** Prints the body of an answer, given as its JSON text. */
export function printBody(text: string, format: Format): void {
  process.stdout.write(`${bodyText(text, format)}\n`)
}

/** Prints a value of this program's own making. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** A remark that is no result. */
export function notice(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function bodyText(text: string, format: Format): string {
  if (format === 'json') return indentJson(text)
  const parts = partsOf(JSON.parse(text))
  return (format === 'compact' ? parts.flatMap(compactLines) : parts.map(tableOf)).join('\n')
}

/** Members of every body that say nothing about its subject. */
const frame = new Set(['status', 'timestamp'])

interface Part {
  readonly title?: string
  readonly items?: readonly JsonObject[]
  readonly fields?: readonly (readonly [string, string])[]
}

/** Scalars by their path, and each list of objects as a part of its own. */
function partsOf(body: unknown): Part[] {
  const fields: [string, string][] = []
  const lists: Part[] = []
  const visit = (value: unknown, path: string): void => {
    if (isListOfObjects(value)) lists.push({ title: path, items: value })
    else if (isObject(value) && Object.keys(value).length > 0) {
      for (const [key, member] of Object.entries(value)) visit(member, path === '' ? key : `${path}.${key}`)
    } else fields.push([path, leafText(value)])
  }
  if (isObject(body)) {
    const isFailure = body.status !== undefined && body.status !== 'ok'
    for (const [key, value] of Object.entries(body)) if (isFailure || !frame.has(key)) visit(value, key)
  } else visit(body, '')
  return [...(fields.length > 0 || lists.length === 0 ? [{ fields }] : []), ...lists]
}

function isListOfObjects(value: unknown): value is readonly JsonObject[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject)
}

/** Objects inside items are flattened, lists inside them are not: an item is one row. */
function itemFields(item: JsonObject, path = ''): [string, string][] {
  return Object.entries(item).flatMap(([key, value]): [string, string][] => {
    const name = path === '' ? key : `${path}.${key}`
    return isObject(value) && Object.keys(value).length > 0 ? itemFields(value, name) : [[name, leafText(value)]]
  })
}

function tableOf({ fields = [], items, title }: Part): string {
  if (items === undefined) return tableText({ head: ['Field', 'Value'], rows: fields })
  const rows = items.map((item) => new Map(itemFields(item)))
  const head = [...new Set(rows.flatMap((row) => [...row.keys()]))]
  return tableText({ ...(title && { title }), head, rows: rows.map((row) => head.map((key) => row.get(key) ?? '-')) })
}

function compactLines({ fields = [], items, title }: Part): string[] {
  if (items === undefined) return fields.length > 0 ? [pairs(fields)] : []
  return items.map((item) => `${title ? `${title} ` : ''}${pairs(itemFields(item))}`)
}

function pairs(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([key, value]) => `${key}=${/[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value}`).join(' ')
}

function leafText(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) {
    const isPlain = value.every((one) => typeof one !== 'object' || one === null)
    return printable(isPlain ? value.join(',') || '-' : JSON.stringify(value))
  }
  return printable(typeof value === 'object' ? JSON.stringify(value) : String(value))
}
