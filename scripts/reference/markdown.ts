// The little Markdown that the reference pages are made of.

const GENERATED = '<!-- Generated from the sources by scripts/reference.ts. Do not edit: npm run reference -->'

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}

export function page(...parts: readonly string[]): string {
  return `${[GENERATED, ...parts].join('\n\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
