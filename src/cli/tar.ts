/**
 * Entries of a tar archive in the ustar format (POSIX.1-1988), which every tar reads: a header block of 512 bytes, the content, padding to
 * whole blocks. An archive is its entries one after the other, and {@link tarEnd}.
 */
const BLOCK = 512
const NAME_MAX = 100
const PREFIX_MAX = 155
/** What eleven octal digits hold. */
const SIZE_MAX = 0o77777777777

export interface TarEntry {
  /** Path inside the archive, parts separated by slashes. */
  readonly name: string
  readonly content: Uint8Array
  /** Unix seconds. */
  readonly modifiedAt: number
}

/** The bytes of one file. @throws RangeError for a name or content that the format can not hold */
export function tarEntry({ content, modifiedAt, name }: TarEntry): Buffer {
  if (content.length > SIZE_MAX) throw new RangeError(`${name}: ${content.length} bytes are more than a tar entry holds`)
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK
  return Buffer.concat([header(name, content.length, modifiedAt), content, Buffer.alloc(padding)])
}

/** Two empty blocks. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK)
}

function header(name: string, size: number, modifiedAt: number): Buffer {
  const { base, prefix } = splitName(name)
  const block = Buffer.alloc(BLOCK)
  block.write(base, 0, NAME_MAX, 'utf8')
  block.write('0000600\0', 100, 'latin1')
  block.write('0000000\0', 108, 'latin1')
  block.write('0000000\0', 116, 'latin1')
  block.write(`${octal(size, 11)}\0`, 124, 'latin1')
  block.write(`${octal(Math.max(0, Math.floor(modifiedAt)), 11)}\0`, 136, 'latin1')
  // The checksum is taken with blanks in its own place.
  block.write('        ', 148, 'latin1')
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(prefix, 345, PREFIX_MAX, 'utf8')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return block
}

/** A long name is cut at a slash into a prefix and a base. */
function splitName(name: string): { base: string; prefix: string } {
  const length = (text: string) => Buffer.byteLength(text)
  if (length(name) <= NAME_MAX) return { base: name, prefix: '' }
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
    const [prefix, base] = [name.slice(0, at), name.slice(at + 1)]
    if (base !== '' && length(base) <= NAME_MAX && length(prefix) <= PREFIX_MAX) return { base, prefix }
  }
  throw new RangeError(`the name '${name}' is too long for a tar entry`)
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}
