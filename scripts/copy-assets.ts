// After the compiler: what the sources read as files is copied beside them. Run by `npm run build`.
import { copyFileSync, globSync } from 'node:fs'

for (const file of globSync('src/**/*.proto')) copyFileSync(file, file.replace(/^src/, 'dist'))
