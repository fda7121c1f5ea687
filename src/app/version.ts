// The version of this package, read once from its manifest so that it stands in one place.
import { readFileSync } from 'node:fs'

const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')

export const CODE_VERSION: string = (JSON.parse(manifest) as { version: string }).version
