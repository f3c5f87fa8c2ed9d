/** Metrics of several processes in one text, as Prometheus reads it. */

/** The metrics of a worker. */
export interface Measured {
  readonly worker: number
  readonly text: string
}

const labelled = (line: string, worker: number): string =>
  line.replace(/^([^{ ]+)(\{?)/, (_, name: string, open: string) =>
    open === "" ? `${name}{worker="${worker}"}` : `${name}{worker="${worker}",`
  )

/** All of a family stand together, whose ever they are; the label `worker` tells them apart. */
export const join = (all: ReadonlyArray<Measured>): string => {
  /** What a family begins with, and its samples. */
  const families = new Map<string, Array<string>>()
  for (const { text, worker } of all) {
    let samples: Array<string> = []
    for (const line of text.split("\n")) {
      if (line.startsWith("# HELP ")) {
        const name = line.split(" ")[2] ?? ""
        const known = families.get(name)
        samples = known ?? [line]
        if (known === undefined) families.set(name, samples)
      } else if (line.startsWith("#")) {
        // That of the first is that of all.
        if (samples.length === 1) samples.push(line)
      } else if (line !== "") samples.push(labelled(line, worker))
    }
  }
  return `${Array.from(families.values()).flat().join("\n")}\n`
}
