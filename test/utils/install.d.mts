/** A command of the documentation that installs packages. */
export interface Command {
  readonly document: string
  readonly command: string
  /** The packages as they are written: `effect@3`. */
  readonly packages: ReadonlyArray<string>
}

export declare const commands: readonly [Command, ...ReadonlyArray<Command>]
