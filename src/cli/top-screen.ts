/**
 * The terminal while a live picture is on it. It draws on the alternate screen, so that what was there before comes back, and whatever
 * ends the picture - a key, a signal, a failure - leaves the terminal as it was.
 */
export interface Screen {
  /** Aborts when the user wants to leave. */
  readonly closed: AbortSignal
  size(): { readonly width: number; readonly height: number }
  /** Replaces what is shown; lines must fit. */
  draw(lines: readonly string[]): void
  onResize(redraw: () => void): void
  /** Idempotent. */
  restore(): void
}

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
/** Ctrl-C and Ctrl-D do not become signals in raw mode. */
const QUIT = ['q', 'Q', '\x03', '\x04']

export function openScreen(): Screen {
  const { stdin, stdout } = process
  const closing = new AbortController()
  const close = () => closing.abort()
  const onKey = (keys: Buffer) => {
    if (QUIT.some((key) => keys.includes(key))) close()
  }
  let redraw = () => {}
  const onResize = () => redraw()
  let isOpen = true

  function restore(): void {
    if (!isOpen) return
    isOpen = false
    stdout.off('resize', onResize)
    stdin.off('data', onKey)
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.pause()
    for (const signal of signals) process.off(signal, close)
    process.off('exit', restore)
    stdout.write(LEAVE)
  }

  stdout.write(ENTER)
  // Without a keyboard Ctrl-C arrives as a signal.
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdin.on('data', onKey)
    stdin.resume()
  }
  for (const signal of signals) process.on(signal, close)
  process.on('exit', restore)
  stdout.on('resize', onResize)

  return {
    closed: closing.signal,
    size: () => ({ width: stdout.columns || 80, height: stdout.rows || 24 }),
    draw: (lines) => {
      if (isOpen) stdout.write(`${HOME}${lines.map((line) => line + CLEAR_LINE).join('\r\n')}${CLEAR_BELOW}`)
    },
    onResize: (draw) => {
      redraw = draw
    },
    restore,
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
