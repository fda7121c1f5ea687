// Encodings of real tables, held against figures of scikit-learn 1.9.1 on the same bytes.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ColumnDtype } from '../../contract/datasets.ts'
import type { Column } from '../table.ts'
import { fitEncoding } from './encoding.ts'
import { aColumn, aTable, categories, numbers, rowsOf, served, texts, trained } from './testing.ts'

const DATA = join(import.meta.dirname, '../../../../shared/data')
if (!existsSync(DATA)) console.warn(`skipped: encodings of real files, because ${DATA} is absent`)

/** RFC 4180, as far as these files need it. */
function readCsv(path: string): Record<string, string>[] {
  const bytes = readFileSync(join(DATA, path))
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const rows: string[][] = [[]]
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows[rows.length - 1]!.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
    if (end !== ',') rows.push([])
  }
  const [header, ...body] = rows.filter((row) => row.length > 1)
  return body.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i] ?? ''])))
}

function column(rows: readonly Record<string, string>[], name: string, dtype: ColumnDtype): Column {
  const cells = rows.map((row) => (row[name] === '' || row[name] === '?' ? null : row[name]!))
  if (dtype === 'string') return categories(...cells)
  if (dtype === 'text') return { form: 'text', values: cells }
  return numbers(...cells.map((cell) => (cell === null ? Number.NaN : Number(cell))))
}

function tableOf(rows: readonly Record<string, string>[], dtypes: Readonly<Record<string, ColumnDtype>>) {
  const entries = Object.entries(dtypes)
  return {
    table: aTable(Object.fromEntries(entries.map(([name, dtype]) => [name, column(rows, name, dtype)]))),
    columns: entries.map(([name, dtype]) => aColumn(name, dtype)),
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const at = (rows: readonly number[][], index: number) => rows.map((row) => row[index]!)

describe.skipIf(!existsSync(DATA))('encodings of real files', () => {
  it('sms-spam: the same 14,993 n-grams and 112,825 values as TfidfVectorizer(ngram_range=(1, 2), min_df=2)', async () => {
    const rows = readCsv('text/sms-spam/sms-spam.csv')
    const { table, columns } = tableOf(rows, { text: 'text' })
    const encoding = fitEncoding(table, columns, { text: { length: 1 } })
    expect([encoding.width, encoding.sparse]).toEqual([14_993, true])
    const matrix = await trained(encoding, table)
    if (matrix.form !== 'csr') throw new Error('dense')
    expect(matrix.values.length).toBe(112_825)
    expect(matrix.values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(SMS_SUM, 1)
    const slice = { rows: 5, columns: new Map([['text', texts(...rows.slice(100, 105).map((row) => row.text!))]]) }
    const expected = await served(encoding, slice)
    expected.forEach((row, i) => {
      const ours = new Array<number>(matrix.cols).fill(0)
      for (let k = matrix.offsets[100 + i]!; k < matrix.offsets[101 + i]!; k++)
        ours[matrix.indices[k]!] = matrix.values[k]!
      expect(ours).toEqual(row)
    })
  })

  it('titanic: ages filled with the median, marked, standardised; embarkation missing twice', async () => {
    const rows = readCsv('tabular-binary/titanic/titanic.csv')
    const { table, columns } = tableOf(rows, {
      Age: 'number',
      Fare: 'number',
      Sex: 'string',
      Embarked: 'string',
      Name: 'text',
    })
    const encoding = fitEncoding(table, columns)
    const features = rowsOf(await trained(encoding, table))
    expect(features.length).toBe(891)
    const index = (name: string) => encoding.featureNames.indexOf(name)
    expect(mean(at(features, index('Age')))).toBeCloseTo(0, 6)
    expect(mean(at(features, index('Age')).map((x) => x * x))).toBeCloseTo(1, 5)
    expect(features[0]![index('Age')]).toBeCloseTo(TITANIC_FIRST_AGE, 5)
    expect(mean(at(features, index('Age is missing'))) * 891).toBeCloseTo(177, 6)
    expect(mean(at(features, index('Embarked is missing'))) * 891).toBeCloseTo(2, 6)
    expect(mean(at(features, index('Sex=male'))) * 891).toBeCloseTo(577, 6)
    expect(encoding.featureNames).toContain('Name:mr')
  })

  it('adult: every row has one feature of each category column, in the test file too', async () => {
    const dtypes = {
      age: 'integer',
      fnlwgt: 'integer',
      workclass: 'string',
      education: 'string',
      native_country: 'string',
    } as const
    const fitted = tableOf(readCsv('tabular-binary/adult/train.csv.gz'), dtypes)
    const test = tableOf(readCsv('tabular-binary/adult/test.csv.gz'), dtypes)
    const encoding = fitEncoding(fitted.table, fitted.columns)
    for (const table of [fitted.table, test.table]) {
      const matrix = await trained(encoding, table)
      expect(matrix.form).toBe('dense')
      const off = rowsOf(matrix).filter((row) => row.slice(2).reduce((sum, x) => sum + x, 0) !== 3)
      expect(off.length).toBe(0)
      expect(matrix.values.every(Number.isFinite)).toBe(true)
    }
  })
})

/** Sum of all values of scikit-learn's matrix (sublinear_tf=True). */
const SMS_SUM = 22440.258
/** SimpleImputer(strategy='median') and StandardScaler on the age of the first passenger. */
const TITANIC_FIRST_AGE = -0.565736
