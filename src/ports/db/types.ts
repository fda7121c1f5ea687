// How PostgreSQL's types read in JavaScript. bigint becomes a number: counts and sizes here stay far below 2^53.
import pg from 'pg'

const INT8 = 20

export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}
