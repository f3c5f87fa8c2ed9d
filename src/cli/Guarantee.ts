/** What a model promises, in words. */
import type * as QualityModel from "../savings/QualityModel.js"
import * as Format from "./Format.js"

export const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`

/** What is promised of each part of the tasks. */
export const lines = ({ parts, scope }: QualityModel.Guarantee, best: string): ReadonlyArray<string> =>
  parts.map(({ families, tasks, verdict }) => {
    const part = scope === "whole" ? "on the whole" : families.join(", ")
    const left = `${part}: left to ${best}, because`
    switch (verdict._tag) {
      case "Kept":
        return `${part}: kept`
      case "TooFew":
        return `${left} ${Format.count(tasks, "outcome")} can't show it: ${verdict.needed} or more are needed`
      case "NotShown":
        return `${left} ${verdict.share === 0 ? "nothing" : `no more than ${percent(verdict.share)}`} is shown to be kept`
    }
  })

/** The parts of the tasks of which nothing can be promised. */
export const withheld = (guarantee: QualityModel.Guarantee, best: string): ReadonlyArray<string> =>
  lines({ ...guarantee, parts: guarantee.parts.filter(({ verdict }) => verdict._tag !== "Kept") }, best)
