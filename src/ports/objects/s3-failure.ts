// What S3 and the way to it can answer, in our words. No message repeats a key, a signature or a credential.
import { fail, MlError } from '../../core/failure.ts'
import type { S3Options } from './open.ts'

interface S3Error extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const DENIED = ['CredentialsProviderError', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied']

export function isMissing(error: unknown): boolean {
  return error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)
}

export function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && (error.name === 'InvalidRange' || statusOf(error) === 416)
}

/** The condition of a request did not hold, or another request with one was faster. */
export function isRefused(error: unknown): boolean {
  return error instanceof Error && [409, 412].includes(statusOf(error) ?? 0)
}

export function s3Failure(error: unknown, { bucket, endpoint, region }: S3Options): MlError {
  if (error instanceof MlError) return error
  const where = endpoint === undefined ? `AWS ${region}` : plain(endpoint)
  const name = error instanceof Error ? error.name : 'Error'
  if (name === 'NoSuchBucket' || name === 'NotFound') {
    const advice = 'Create it, or set S3_BUCKET to one that exists.'
    return fail('unavailable', 'BUCKET_MISSING', `There is no bucket "${bucket}" at ${where}. ${advice}`, {
      cause: error,
    })
  }
  if (DENIED.includes(name) || statusOf(error) === 403) {
    const advice = 'Check the credentials and the policy of the bucket.'
    return fail('unavailable', 'OBJECTS_DENIED', `${where} denies access to bucket "${bucket}" (${name}). ${advice}`, {
      cause: error,
    })
  }
  return fail(
    'unavailable',
    'OBJECTS_UNAVAILABLE',
    `Bucket "${bucket}" at ${where} does not answer as it should (${name})`,
    {
      cause: error,
      retryAfterSeconds: 5,
    },
  )
}

function statusOf(error: unknown): number | undefined {
  return (error as S3Error).$metadata?.httpStatusCode
}

function plain(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).origin : 'the S3 endpoint'
}
