// What the command line is given by the composition root: ways to reach a service, and things only the root knows.
import type { MlClient } from '../client.ts'
import type { Tensors } from '../core/tensors.ts'
import type { Sender, Target } from './bench/http.ts'

/** Settings from the command line, by their configuration key. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>

export interface Setting {
  /** camelCase, as in the configuration. */
  readonly key: string
  /** As in the environment. */
  readonly env: string
  readonly description: string
  readonly kind: 'boolean' | 'value'
}

export interface Connection {
  readonly client: MlClient
  readonly url: string
  /** Where the service is: one that was found running, or one started for this command alone. */
  readonly started: boolean
  close(): Promise<void>
}

export interface GrpcTarget extends Omit<Target, 'url'> {
  /** `host:port` */
  readonly address: string
}

export interface ConnectOptions {
  readonly url: string | undefined
  readonly tenant: string | undefined
  readonly flags: Flags
}

export interface CliHost {
  readonly version: string
  readonly settings: readonly Setting[]
  connect(options: ConnectOptions): Promise<Connection>
  /** Starts the service (or only a worker) and resolves when it has been told to stop. */
  serve(options: {
    readonly flags: Flags
    readonly role: 'service' | 'worker'
    readonly onReady: (url: string) => void
  }): Promise<void>
  /** Brings the schema of the database up to date. @returns where it is, without credentials. */
  migrate(flags: Flags): Promise<string>
  /** Sends one inference request over gRPC as often as it is asked to. */
  grpcSender(target: GrpcTarget, inputs: Tensors): Promise<Sender>
  /** The configuration in force, secrets masked, by environment name. */
  config(flags: Flags): Record<string, unknown>
  /** Checks that need no running service. */
  checks(flags: Flags): Promise<readonly HostCheck[]>
}

export interface HostCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}
