// Name and value pairs in one line, as OpenTelemetry's settings write them.

/** `a=1,b=x%20y`; undefined where it is something else. */
export function pairsOf(text: string): Readonly<Record<string, string>> | undefined {
  const pairs: Record<string, string> = {}
  for (const part of text.split(',').filter((part) => part.trim() !== '')) {
    const at = part.indexOf('=')
    const name = part.slice(0, at).trim()
    if (at < 1 || name === '') return undefined
    try {
      pairs[name] = decodeURIComponent(part.slice(at + 1).trim())
    } catch {
      return undefined
    }
  }
  return pairs
}
