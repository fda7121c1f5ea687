// After the compiler: libraries of many small modules become one file each in dist/vendor, and what the compiler wrote takes
// them from there. Half of the 1,850 modules of a start are theirs, and a module costs half a millisecond whatever its size
// (decision 041). The sources go on importing the packages, and the declarations too.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const DIST = 'dist'
/** What is imported, by the file it gets. One package is one file, so that its classes exist once. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  kysely: ['kysely', 'kysely/migration'],
  typebox: ['typebox'],
}
const IMPORT = /^((?:import|export)\b[^'"]*|\}\s*)from ['"]([^'"]+)['"]/gm

mkdirSync(join(DIST, 'vendor'), { recursive: true })
for (const [name, specifiers] of Object.entries(LIBRARIES)) await bundle(name, specifiers)
const fileOf = new Map(Object.entries(LIBRARIES).flatMap(([name, specifiers]) => specifiers.map((one) => [one, name])))
for (const file of globSync(`${DIST}/**/*.js`, { exclude: [`${DIST}/vendor/**`] })) redirect(file)

/** The library with its licence above it. */
async function bundle(name: string, specifiers: readonly string[]): Promise<void> {
  const entry = `bundle:${name}`
  const build = await rolldown({
    input: entry,
    platform: 'node',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? specifiers.map((from) => `export * from '${from}'`).join('\n') : undefined),
      },
    ],
  })
  const file = join(DIST, 'vendor', `${name}.js`)
  await build.write({ file, format: 'esm', banner: `/*! ${name}\n\n${licenceOf(name)}*/` })
  await build.close()
  await isWhole(file, specifiers)
}

/** `export *` leaves out, without a word, names that two modules of one library export, and the default, which nobody here imports. */
async function isWhole(file: string, specifiers: readonly string[]): Promise<void> {
  const bundled: object = await import(pathToFileURL(file).href)
  for (const specifier of specifiers) {
    const missing = Object.keys(await import(specifier)).filter((name) => name !== 'default' && !(name in bundled))
    if (missing.length > 0) throw new Error(`${file} lacks ${missing.join(', ')} of ${specifier}`)
  }
}

function licenceOf(name: string): string {
  const folder = dirname(findPackageJSON(name, import.meta.url) ?? name)
  const [file] = globSync('{LICENSE,license}*', { cwd: folder })
  if (file === undefined) throw new Error(`${name} comes without a licence to pass on`)
  return readFileSync(join(folder, file), 'utf8')
}

function redirect(file: string): void {
  const text = readFileSync(file, 'utf8')
  const redirected = text.replace(IMPORT, (whole, before: string, specifier: string) => {
    const name = fileOf.get(specifier)
    if (name === undefined) return whole
    const path = relative(dirname(file), join(DIST, 'vendor', `${name}.js`)).replaceAll('\\', '/')
    return `${before}from '${path.startsWith('.') ? path : `./${path}`}'`
  })
  for (const specifier of fileOf.keys()) {
    if (redirected.includes(`'${specifier}'`)) throw new Error(`${file} still imports ${specifier}`)
  }
  if (redirected !== text) writeFileSync(file, redirected)
}
