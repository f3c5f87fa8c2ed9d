import * as Config from "effect/Config"

/** What can be given of `A`: as in all options, what is undefined is absent. */
export type Given<A> = { readonly [K in keyof A]?: A[K] | undefined }

/** The options that are given; spread over defaults, they take none away. */
export function given<A extends object>(options: A | undefined): { [K in keyof A]?: Exclude<A[K], undefined> }
export function given(options: object | undefined): object {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined))
}

/** Options that come from Config, each by itself or all together. */
export type Configured<A> =
  | Config.Config<A>
  | {
      readonly [K in keyof A]: Config.Config.Wrap<A[K]> | (undefined extends A[K] ? undefined : never)
    }

/** The options as one Config. */
export const unwrap = <A extends object>(options: Configured<A>): Config.Config<A> =>
  Config.isConfig(options)
    ? options
    : // Without what is undefined it is what Config wraps: the compiler doesn't reduce the condition of a generic.
      Config.unwrap(given(options) as Config.Config.Wrap<A>)
