/** What the declarations of installed packages say of interfaces and unions. */
import { assert } from "@effect/vitest"
import * as NodeFs from "node:fs"

/** A file of declarations of an installed package, without its comments. */
export const declarations = (file: string): string =>
  NodeFs.readFileSync(new URL(`../../node_modules/${file}`, import.meta.url), "utf8").replaceAll(
    /\/\*[\s\S]*?\*\//g,
    ""
  )

/** What stands between the braces of an interface, `Outer.Inner` of a namespace's: its members are at depth 0. */
const interfaceOf = (source: string, name: string): string => {
  const names = name.split(".")
  const scope = names.slice(0, -1).reduce((text, outer) => {
    const start = text.search(new RegExp(`\\bnamespace ${outer} `))
    return start === -1 ? "" : text.slice(start)
  }, source)
  const start = scope.search(new RegExp(`\\binterface ${names.at(-1)}\\b`))
  if (start === -1) return ""
  const open = scope.indexOf("{", start)
  let depth = 0
  for (let at = open; at < scope.length; at++) {
    if (scope[at] === "{") depth++
    else if (scope[at] === "}" && --depth === 0) return scope.slice(open + 1, at)
  }
  return ""
}

/** The members of an interface, more than so many, with their types. */
export const typedMembers = (source: string, name: string, least = -1): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  let depth = 0
  let last = ""
  for (const line of interfaceOf(source, name).split("\n")) {
    const [, member, type = line] = /^\s*(\w+)\??:(.*)/.exec(depth === 0 ? line : "") ?? []
    last = member ?? last
    if (last !== "") found.set(last, (found.get(last) ?? "") + type)
    depth += line.split("{").length - line.split("}").length
  }
  assert.isAbove(found.size, least, name)
  return found
}

/** The names of an interface's members. */
export const members = (source: string, name: string, least = 10): ReadonlyArray<string> =>
  Array.from(typedMembers(source, name, least).keys())

/** The kinds that a union has, by the literals of their `type`. */
export const kinds = (source: string, union: string): ReadonlyArray<string> => {
  const types = new RegExp(`export type ${union} = ([^;]+);`).exec(source)?.[1]?.split("|") ?? []
  assert.isAbove(types.length, 2, union)
  return types.flatMap((type) => {
    const name = type.trim().split(".").at(-1) ?? ""
    return /\btype: '([^']+)'/.exec(interfaceOf(source, name))?.[1] ?? []
  })
}
