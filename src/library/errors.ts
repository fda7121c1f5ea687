// The error classes of the library face. Each is the failure it was made from, under the name its users know.
import { asFailure, MlError } from '../core/failure.ts'

/** Parent of everything the serving components throw. */
export class ModelServingError extends MlError {
  /** The same failure as an instance of the class this is called on. */
  static from(error: unknown): ModelServingError {
    if (error instanceof ModelServingError) return error
    const { kind, code, message, details, retryAfterSeconds } = asFailure(error)
    return new this(kind, code, message, {
      cause: error,
      ...(details && { details }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    })
  }
}

/** A server could not start, or broke. */
export class ServerError extends ModelServingError {}

/** A batch job was refused or failed. */
export class BatchJobError extends ModelServingError {}

/** A prediction was refused or failed. */
export class InferenceError extends ModelServingError {}
