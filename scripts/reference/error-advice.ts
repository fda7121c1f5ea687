// What each error code means and what to do about it, by hand: the one part of the reference that cannot be generated.
// `test/reference.test.ts` fails for a code of the sources that is missing here, and for one that is no longer thrown.

/** From the service, because of what was asked or of how things stand. */
const SERVICE: Readonly<Record<string, string>> = {
  ALGORITHM_UNKNOWN: 'The job names an algorithm that this version of the service does not have. Submit it again.',
  ALREADY_DEPLOYED: 'The version is live there already. Nothing to do.',
  ARCHIVE_MALFORMED: 'The archive is damaged or cut off. Pack it again, and see that the whole of it is sent.',
  ARCHIVE_UNSAFE:
    'The archive holds links, encrypted files, or names that lead out of it. Pack the plain files of the folder.',
  ARCHIVE_WITHOUT_MODEL:
    'Send the folder of one MLflow model, or the ONNX file itself; see [MLflow models](../guides/mlflow.md).',
  ARTIFACT_DAMAGED:
    'The stored model file differs from its recorded SHA-256. Restore the file, or deploy another version.',
  ARTIFACT_MISSING: 'The stored model file is gone. Restore it, or deploy another version.',
  BATCH_INPUT_SHORT: 'An input file became shorter while its job ran. Put it back, or submit the job again.',
  BATCH_INPUT_UNSUPPORTED: 'A model written in TypeScript takes `input_batch` or a JSON lines file.',
  BATCH_JOB_EXISTS:
    'The `job_id` belongs to a job that asks for something else. Choose another id, or delete that job.',
  BATCH_JOB_NOT_FINISHED:
    'Results are there once the job has succeeded. Ask for its status, or wait for the event `ml.batch.completed`.',
  BATCH_JOB_NOT_FOUND: 'No batch job with this id in this tenant; jobs that ended long ago are deleted.',
  BATCH_JOB_NOT_SUCCEEDED:
    'The job failed or was cancelled, so it has no results. Its `error` says why; submit it again.',
  BATCH_JOB_RUNNING: 'Cancel the job, or wait for its end, before deleting it.',
  BATCH_QUOTA: 'The tenant has too many open batch jobs. Wait until some have ended.',
  BENCH_REQUEST_FAILED: 'A request of `modelyard bench` was not answered; the message has the reply.',
  BUCKET_MISSING: 'Create the bucket, or correct `S3_BUCKET`, `S3_REGION` or `S3_ENDPOINT`.',
  BUS_TIMEOUT: 'NATS is slow or away. Events wait in the outbox and are sent later; nothing to do but to mend NATS.',
  BUS_UNAVAILABLE: 'NATS does not answer. Check `NATS_URL`; events wait in the outbox meanwhile.',
  CACHE_UNAVAILABLE: 'Redis does not answer. Predictions go on without the cache; check `REDIS_URL`.',
  CHAMPION_CHANGED: 'Several trainings of one model ended at once. Submit this one again.',
  CLIENT_GONE: 'The caller closed the connection before the answer. Seen in logs and metrics only.',
  CLASSIFICATION_INVALID: 'The output cannot be ranked, or `classification` is not a whole number from 1.',
  COLUMN_MISSING: 'A column the model learns from is not in the table. Give `features`, or a table that has it.',
  CONFIG_INVALID: 'Correct every setting listed in the message; see [configuration](configuration.md).',
  CONTRACT_VIOLATION:
    'The file breaks its data contract: `details.findings` has row, column, rule and value. Mend the file or the contract.',
  CSV_MALFORMED: 'The CSV text of a scoring request has a stray quote. Quote cells as RFC 4180 does.',
  DATABASE_BUSY: 'Two changes met. Retry after `Retry-After` seconds.',
  DATABASE_PRIVILEGE: 'The database user may not create what row-level security needs. Grant what the message names.',
  DATABASE_TIMEOUT: 'The database took too long. Retry; if it stays, look at its load.',
  DATABASE_UNAVAILABLE: 'PostgreSQL cannot be reached. Predictions go on; retry the rest when it is back.',
  DATASET_INVALID:
    'The file cannot be read as a table. The message names row, column and rule; see [data contracts](../guides/data-contracts.md).',
  DATASET_IN_USE:
    'A version was made from this dataset, or a batch job reads it. Keep it, or delete with `force=true`.',
  DATASET_NOT_FOUND: 'No dataset with this id in this tenant.',
  DATASET_TOO_LARGE:
    'The file is larger than `MAX_UPLOAD_MB`, or expands to more than is allowed. Split it, or raise the limit.',
  DATA_DIR_IN_USE: 'Another process uses the data folder. Stop it, choose another `DATA_DIR`, or set `DATABASE_URL`.',
  ENTITY_NOT_FOUND:
    'Nothing was ever written of this entity in this tenant (or, with `as_of`, not by then). Write its features first, or read with the batch operation, which answers `found: false`.',
  ENTITY_TYPE_NOT_FOUND: 'Declare the entity type first: `PUT /api/v1/ml/features/{entity_type}`.',
  EVALUATION_EMPTY: 'No row is held out to measure on. Give more rows, or a larger `test_fraction`.',
  EVENT_TOO_LARGE: 'An event is larger than the bus takes. Raise `max_payload` of NATS.',
  EVALUATION_NOT_FOUND:
    'Nothing was measured for this version: it was imported, or written in TypeScript. Ask for a trained one.',
  EXPLAINER_GONE: 'Explaining was interrupted. Ask again.',
  EXPLANATION_TIMEOUT:
    'Explaining took too long. Ask about fewer rows at once, or again when the machine is less busy.',
  EXPLANATION_TOO_LARGE: 'Explain at most 100 rows in one request.',
  EXPLANATION_UNAVAILABLE:
    'The model answers nothing for the rows an explanation compares with. The message says what helps.',
  FEATURE_COUNT_MISMATCH: 'The rows have another number of features than the model. Train again on this table.',
  FEATURE_TYPE_FIXED: 'Declare the feature with the type it has, or a new one under another name.',
  GRPC_MESSAGE_MALFORMED: 'The bytes of the gRPC message are not the protobuf of the call. Use the published .proto.',
  HEADERS_TOO_LARGE: 'Send smaller request headers.',
  IDEMPOTENCY_KEY_REUSED: 'The `Idempotency-Key` was used for another request in the last 24 hours. Make a new key.',
  INFERENCE_ABORTED: 'The caller gave the prediction up before it was answered.',
  INFERENCE_REQUEST_MALFORMED:
    'The body is not an inference request; see [the protocol](../guides/open-inference.md). The message names the part.',
  INFERENCE_TIMEOUT: 'The model took too long. Send fewer rows at a time, or use a smaller model.',
  INPUT_TOO_LARGE: 'Send fewer rows in one request.',
  JOB_ABANDONED: 'The worker of the job died; the job is taken up again by itself.',
  JOB_ENDED: 'The job has ended and cannot be cancelled.',
  JOB_EXISTS: 'The job is in the queue already.',
  JOB_EXPIRED: 'The job ran for longer than it may. Raise `TRAINING_TIMEOUT_SECONDS`, or train on less.',
  JOB_LOST:
    'The worker lost its claim (cancelled, taken over, or the database was away). The job is run again where that makes sense.',
  JOB_TAKEN_OVER: 'Another worker has taken the job over; this attempt writes nothing.',
  LABELS_MISMATCH: 'Give as many `labels` as the model scores classes, in their order.',
  MALFORMED_BODY: 'The body is cut off or wrongly compressed. Send it again.',
  MALFORMED_JSON: 'The JSON cannot be read; the message gives line and column.',
  MALFORMED_MULTIPART: 'The multipart body cannot be read. Let the HTTP library set `Content-Type` with its boundary.',
  MALFORMED_REQUEST: 'The request is not valid HTTP or not readable; see the message.',
  METADATA_NOT_FOUND: 'The version has no metadata.json: it is still training, or failed.',
  METHOD_NOT_ALLOWED: 'The path exists under another method; the `Allow` header lists them.',
  METRIC_UNKNOWN: 'Choose a metric of this kind of model.',
  MLFLOW_MALFORMED:
    'The folder lacks its file MLmodel or what that names, or the file cannot be read. Save the model again with `mlflow.onnx.save_model`.',
  MLFLOW_NOT_ONNX:
    'The model was logged as a Python object. Convert it to ONNX and log it with `mlflow.onnx.log_model`; see [MLflow models](../guides/mlflow.md).',
  MLFLOW_SIGNATURE_MISMATCH:
    'The signature names other columns or types than the ONNX graph takes. Log the model with the signature of the graph.',
  MODEL_DEPLOYED: 'A version is live. Delete with `force=true`, or leave the model.',
  MODEL_EXISTS: 'Choose another name.',
  MODEL_EXTERNAL_DATA: 'Save the ONNX file with its weights inside (`save_as_external_data=False`).',
  MODEL_INPUT_INVALID: 'The values do not fit the inputs of the graph; `details.errors` names them.',
  MODEL_INPUT_UNSUPPORTED:
    'The model takes inputs that are no columns (images, sequences, …). Export it with one value a column, or one row of numbers.',
  MODEL_LOAD_TIMEOUT: 'The model takes too long to load. Try a smaller one.',
  MODEL_NAME_INVALID: 'Use letters, digits, `_`, `-` and `.`, at most 128, starting with a letter or digit.',
  MODEL_ALREADY_QUANTIZED: 'Quantize the version it was made from; its `parent_version` names it.',
  MODEL_NOT_DEPLOYED: 'No version is live in this environment. Train one, or deploy one.',
  MODEL_NOT_FOUND: 'No model with this id or name in this tenant.',
  MODEL_NOT_LOADABLE: 'ONNX Runtime refuses the file; the message gives its reason.',
  MODEL_NOT_MEASURABLE:
    'The message says what is missing. Import the model with `labels`, or name a dataset that has all its classes.',
  MODEL_NOT_QUANTIZABLE:
    'The message says why: trees have no weights, small or foreign ones gain nothing. Serve the version as it is.',
  MODEL_NOT_USABLE:
    'The file hangs, needs too much memory, or ends its process on a single row. Export it differently.',
  MODEL_OUTPUT_UNKNOWN: 'The graph has no output of this name.',
  MODEL_OUTPUT_UNSUPPORTED:
    'Export with tensor outputs: a label and scores for classification, one number for regression.',
  MODEL_RELEASED: 'The version was replaced at this very moment. Retry.',
  MODEL_RUN_FAILED: 'The model fails on these values; the message gives the reason of ONNX Runtime.',
  MODEL_SUSPENDED: 'Earlier runs of this model hang. Deploy another version, then restart the service.',
  MODEL_TENSORS_ONLY: 'A custom model is called by tensors: `POST /v2/models/{model}/infer`.',
  MODEL_TOO_LARGE: 'A model file must be smaller than 2 GiB.',
  MODEL_TRAINING: 'A job is training this model. Cancel it first.',
  MODEL_TYPE_MISMATCH: 'The name belongs to a model of another type. Choose another name.',
  MODEL_UNLOADED: 'The model was unloaded on this replica. Load it: `POST /v2/repository/models/{model}/load`.',
  NOT_DEPLOYED: 'Nothing is live in this environment, so there is nothing to roll back.',
  NOT_OFFERED: 'A part of the Open Inference Protocol that is not offered; the message names what to do instead.',
  NO_DEFAULT_MODEL: 'Name the model in the path, or set `DEFAULT_MODEL`.',
  NO_EARLIER_VERSION: 'The live version was the first. Deploy another one instead.',
  NO_USABLE_FEATURES: 'Every column is empty or constant. Give columns that vary.',
  OBJECTS_DENIED: 'The folder or bucket refuses access. Check permissions and credentials.',
  OBJECTS_UNAVAILABLE: 'The folder or bucket does not answer. Retry; check the disk or the S3 server.',
  OBJECT_NOT_FOUND: 'A stored file is gone. Restore the artefact store from a backup.',
  ONNX_INVALID: 'The file is not a model that can be served; the message names the place.',
  ONNX_MALFORMED: 'The file is not ONNX, or cut off.',
  ONNX_TOO_LARGE: 'The trained graph would be larger than the format allows. Use fewer text features.',
  OUT_OF_MEMORY: 'The model needs more memory than there is. Send fewer rows, or give the process more.',
  OVERLOADED:
    'This prediction would have waited longer than `MAX_WAIT_MS` or its deadline. Retry after `Retry-After` seconds, or add replicas.',
  PARAMETER_INVALID: 'A parameter of an inference request has the wrong type. The message names it.',
  PERMISSION_DENIED: 'The caller may not do this.',
  PREDICTION_NOT_FOUND:
    'No prediction with this id in this tenant; batches, `/predict` and code models keep none for feedback.',
  QUEUE_NOT_READY: 'The service is starting. Retry in a second.',
  RAW_REQUEST_UNFIT: 'A raw request fits models of one input. Send JSON, or JSON with binary tensors.',
  REQUEST_IN_PROGRESS: 'The first request with this `Idempotency-Key` is still being answered. Retry.',
  REQUEST_TOO_SLOW: 'The request did not arrive in time: its headers within a minute, its body within an hour.',
  ROLLOUT_NOT_FOUND: 'No canary or shadow was ever deployed in this environment.',
  ROLLOUT_RUNNING: 'One version at a time can be rolled out beside the live one. Promote it or roll it back first.',
  ROUTE_NOT_FOUND: 'There is nothing at this path; see `/docs`.',
  ROW_WITHOUT_MOMENT:
    'Every row of a training table needs its entity and its time. Remove the row that the message names, or fill it in.',
  REPLY_NOT_KEPT:
    'Long replies lie in JetStream, which is off, full or away. Mend it, ask for a part (`limit`, `offset`), or ask over HTTP.',
  REPLY_TOO_LARGE: 'Ask for a part of it (`limit`, `offset`), raise `NATS_REPLIES_MB`, or ask over HTTP.',
  RUNTIME_CLOSED: 'The service is stopping. Retry; another replica answers.',
  RUNTIME_UNAVAILABLE: 'The inference threads do not start. See the log.',
  SCORING_REQUEST_MALFORMED:
    'The body is none of the forms that `/invocations` and `:predict` take; the message says which.',
  SERVICE_STARTING: 'The service is starting, or waits for its database for the first time. Retry in a second.',
  SHAPE_UNKNOWN: 'The model leaves the length of an axis open. Give it with `--shape`.',
  SIGNATURES_DIFFER:
    'A request goes to either version, so both must take it. Deploy the version to all, or train it on the same columns.',
  SPLIT_IMPOSSIBLE: 'The rows cannot be split as asked. Give more rows, or another `test_fraction`.',
  STOPPING: 'The worker is stopping; the job is taken up by another one.',
  STORAGE_FULL: 'The disk is full. Make room, then retry.',
  TABLES_CLOSED: 'The service is stopping. Retry.',
  TENANT_INVALID: 'Send an `X-Tenant-ID` of letters, digits, `_`, `-` and `.`, at most 64.',
  TENSOR_INVALID: 'A tensor of the request does not fit its datatype or shape. The message names tensor and element.',
  TEXT_INVALID: 'Remove the character U+0000 from the text.',
  TIMEOUT: 'No answer in time. Retry; `/health` shows which dependency is slow.',
  TOO_LARGE: 'The body, or a part of it, is larger than allowed. Upload large tables as a file.',
  TRAINER_UNKNOWN: 'A replica of an older release took the job up; it is tried again. Update all replicas.',
  TRAINING_CANCELLED: 'Somebody cancelled the training.',
  TRAINING_CRASHED:
    'The training process died. The job is tried again; if it fails for good, look at the log and at memory.',
  TRAINING_DATA_INVALID: 'The data cannot be learned from; the message says what to change.',
  TRAINING_DIVERGED: 'The weights grew without limit. Raise `l2`, or scale the features.',
  TRAINING_JOB_NOT_FOUND: 'No training job with this id in this tenant.',
  TRAINING_OUT_OF_MEMORY: 'The training needs more memory than it may use. Use fewer rows or columns.',
  TRAINING_TIMEOUT: 'The training ran for longer than `TRAINING_TIMEOUT_SECONDS`.',
  UNSUPPORTED_MEDIA_TYPE: 'Send `application/json`, or `multipart/form-data` where a file is taken.',
  UPLOAD_SPACE: 'There is no room in `DATA_DIR` for the upload. Make room, then retry.',
  VALIDATION_ERROR: 'Correct every field under `details.errors`.',
  VERSION_EXISTS: 'Leave the version out to get the next one, or choose a free number.',
  VERSION_NOT_FOUND: 'The model has no such version.',
  VERSION_NOT_TRAINED: 'The version has no model file: it is training, or failed.',
  SCHEDULE_NOT_FOUND: 'No schedule with this id in this tenant.',
  SCHEDULE_QUOTA: 'The tenant has as many schedules as it may have. Delete one first.',
  WEBHOOK_ADDRESS_FORBIDDEN:
    'The webhook leads to a private address. Use a public one, or set `WEBHOOK_ALLOW_PRIVATE` where tenants are trusted.',
  WEBHOOK_DELIVERY_NOT_FOUND: 'No delivery with this id to this webhook; old ones are deleted.',
  WEBHOOK_NOT_FOUND: 'No webhook with this id in this tenant.',
  WEBHOOK_QUOTA: 'The tenant has as many webhooks as it may have. Delete one first.',
  WEBHOOK_SECRETS_IN_USE:
    'Four replaced secrets still sign this webhook. Wait until the first is over, or end all of them with `overlap_hours: 0`.',
  WEBHOOK_TIMEOUT: 'Stands in the log of deliveries: the receiver did not answer in time. It is asked again.',
}

/** From the command line, the typed client or the library face, before or after the service was asked. */
const FACES: Readonly<Record<string, string>> = {
  NATS_FORBIDDEN: 'The user of NATS may not send this. See the permissions in `docs/guides/messaging.md`.',
  NATS_UNSUPPORTED: 'Uploads of files and event streams go over HTTP only.',
  REPLY_GONE: 'The long reply expired, was read before, or made room for newer ones. Ask again, and read it at once.',
  REQUEST_TOO_LARGE: 'Send it in parts, raise `max_payload` of NATS, or send it over HTTP.',
  ASSIGNMENT_INVALID: 'Write `name=value`.',
  BATCH_ENDED: 'The batch job failed or was cancelled; the message says why.',
  BATCH_INPUT_MISSING: 'Name a file, or a dataset with `--dataset`.',
  DAY_UNKNOWN: 'Choose one of `day_01.csv` … `day_12.csv`.',
  FILE_UNREADABLE: 'Check the path and its permissions.',
  FILE_UNWRITABLE: 'Check the folder, its permissions and the free space.',
  OPTION_INVALID: 'Correct the option that the message names; `--help` lists them.',
  ROW_MISSING: 'Give a row, or a file with `--file`.',
  SERVICE_UNREACHABLE: 'Start the service, or correct the address.',
  STREAM_BROKEN: 'The connection was lost while following. Follow again; the job goes on.',
  TARGET_MISSING: 'Say which column to predict with `--target`.',
  TRAINING_ENDED: 'The training failed or was cancelled; the message says why.',
  UNREADABLE_REPLY: 'Something between client and service answered. Check the address and proxies.',
}

/** Faults of the service itself: the reply hides the message, the log has it under the request id. Please report them. */
const INTERNAL: Readonly<Record<string, string>> = {
  BATCH_CRASHED: 'The workers of one chunk died again and again, most likely of its rows or for lack of memory.',
  BATCH_ROWS_DIFFER: 'An input file changed while its job ran, or cannot be cut into rows.',
  BUS_DURABLE_INVALID: 'A subscription of the code has a bad name.',
  BUS_SUBJECT_INVALID: 'A subject of the code is not one.',
  COLUMN_FORM: 'A column reached an encoder in the wrong form.',
  ENCODING_OUTPUT: 'The encoding graph answered something unexpected.',
  ENGINE_MISSING: 'A neural network was to be learned where no ONNX Runtime was given.',
  EVALUATION_SHAPE: 'Predictions and truths differ in number.',
  EVENT_HEADER_INVALID: 'An event header has a line break.',
  EVENT_ID_INVALID: 'An event has no id.',
  INFERENCE_FAILED: 'An inference thread broke. If it repeats, look at the memory and the model.',
  FIT_THREAD_FAILED: 'A thread that fits models for a comparison broke. If it repeats, look at the memory.',
  INTERNAL_ERROR: 'Anything that was not foreseen.',
  MODEL_OUTPUT_INVALID:
    'A model made with `defineModel` answered something its output schema refuses: mend its `predict`.',
  MODEL_OUTPUT_MISSING: 'The graph did not answer its declared output.',
  NOT_ISOLATED: 'A module for child processes was started by itself.',
  NOT_SUPPORTED: 'The database was asked to stream.',
  NO_TRANSACTION: 'A transaction was used after its end.',
  OBJECT_EXISTS: 'Several attempts to store one version met again and again. Try again.',
  OBJECT_KEY_INVALID: 'A key of the object store is not one.',
  OBJECT_KEY_TAKEN: 'A key of the object store lies inside another. Something else writes to the folder.',
  OBJECT_RANGE_INVALID: 'A range of bytes is not one.',
  METADATA_MISSING: 'A version was registered without its metadata.',
  ONNX_NAME_TAKEN: 'Two values of a written graph have one name.',
  ONNX_TENSOR_SHAPE: 'A written tensor has the wrong number of elements.',
  ONNX_UNKNOWN_VALUE: 'A written node reads a value that is not there.',
  OVERTIME: 'The time for one configuration of a comparison was up. It is told in the leaderboard, never to a caller.',
  PARITY_FAILED: 'ONNX Runtime and the learner disagree on held-out rows, so the version was not registered.',
  SIGNATURE_MISMATCH: 'Signature and graph of a version disagree.',
  TRANSACTION_ABORTED: 'A failed statement was ignored; nothing was saved.',
  TRAVEL_TOO_LITTLE_RECORDED:
    'The service answers by its prior until more is recorded; the message says of what and how much.',
  TREE_THREAD_FAILED: 'A thread that grows trees broke. If it repeats, look at the memory, or train with `threads` 1.',
  WRONG_TASK: 'An algorithm was given the wrong kind of target.',
}

export const ADVICE = { service: SERVICE, faces: FACES, internal: INTERNAL } as const
