let numbered = 0

/** Unique within the process; short, for it is in many log lines. */
export function nextConnectionId(protocol: string): string {
  return `${protocol}-${++numbered}`
}
