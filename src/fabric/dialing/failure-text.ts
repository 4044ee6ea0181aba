/** What went wrong, on one line, as tools and operators read it: without the class of the error. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error).split('\n', 1)[0] as string
  const { code } = error as { readonly code?: unknown }
  // Of a host with several addresses Node.js reports an error without a message.
  const text = error.message || (typeof code === 'string' ? code : error.name)
  return text.split('\n', 1)[0] as string
}
