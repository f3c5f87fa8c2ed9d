/** Fetches what goes on every two seconds, and shows it. All texts are set as texts, never as markup. */
export const script = `"use strict"
const at = (id) => document.getElementById(id)
const element = (tag, text, className) => {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = text
  if (className) made.className = className
  return made
}
const duration = (ms) =>
  ms === null ? "–" : ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s"
const dollars = (cost) => {
  if (cost === null) return "cost unknown"
  const amount = Number(cost)
  return "$" + (amount === 0 ? "0" : amount < 1 ? amount.toFixed(6) : amount.toFixed(2))
}
const percent = (share) => (share === null ? "–" : (100 * share).toFixed(share === 1 ? 0 : 1) + " %")
const list = (pairs) => {
  const made = element("dl")
  for (const [term, value, className] of pairs) {
    made.append(element("dt", term), element("dd", value, className))
  }
  return made
}

const states = {
  answering: "good", "partly answering": "warn", failing: "bad", "on probation": "warn", "circuit open": "bad"
}

const provider = (each) => {
  const card = element("article")
  card.dataset.provider = each.provider
  const title = element("h3", each.provider + " ")
  title.append(element("span", each.state, states[each.state] ?? "quiet"))
  const { today } = each
  const cost = dollars(today.cost) +
    (Number(today.billed) > 0 ? " (" + dollars(today.billed) + " as billed)" : "") + (today.unknown > 0 ? " + " + today.unknown + " of unknown cost" : "")
  card.append(title, element("p", each.model, "quiet"), list([
    ["First token, p50 / p99", duration(each.firstTokenMs?.p50 ?? null) + " / " + duration(each.firstTokenMs?.p99 ?? null)],
    ["Answer, p50 / p99", duration(each.totalMs?.p50 ?? null) + " / " + duration(each.totalMs?.p99 ?? null)],
    ["Succeeded", percent(each.successRate)],
    ["Spent today", cost],
    ["Tokens today", today.inputTokens + " in, " + today.outputTokens + " out"],
    ...each.members.map((member) => member.out === null
      ? ["Member " + member.name, member.underWay + " under way"]
      : ["Member " + member.name, "left out: " + member.out.error, "bad"])
  ]))
  return card
}

const card = (title, pairs) => {
  const made = element("article")
  made.append(element("h3", title), list(pairs))
  return made
}
const when = (time) => (time === null ? "–" : new Date(time).toLocaleString())
const learned = ({ escalation, learning, model, training }) => [
  ...(model === null ? [] : [card("Model", [
    ["File", model.file],
    ["Written", when(model.writtenAt)],
    ["Tested on", model.tasks + " outcomes"],
    ["Confidence", percent(model.confidence)],
    ...model.promises.map((each) => [
      percent(each.keep) + " by " + each.by + ": " + each.families.join(", "),
      (each.isKept ? "kept" : "left to " + model.best) + " (" + each.tasks + ")",
      each.isKept ? "good" : "warn"
    ])
  ])]),
  ...(learning === null ? [] : [card("Learning", [
    ["Spent this " + learning.period, (learning.spentUsd === null ? "unknown" : dollars(learning.spentUsd)) + " of " + dollars(learning.usd)],
    ...Object.entries(learning.counts).map(([ending, count]) => [ending, String(count)])
  ])]),
  ...(training === null ? [] : [card("Training", [
    ["Trainings", String(training.count)],
    ...(training.last === null ? [] : [
      ["Last", when(training.last.at)],
      [training.last.outcome, training.last.reason, training.last.outcome === "failed" ? "bad" : "quiet"]
    ])
  ])]),
  ...(escalation === null ? [] : [card("Agents that were stuck", [
    ["By failures", String(escalation.failures)],
    ["By repetition", String(escalation.repeats)]
  ])])
]

const callStates = { answered: "good", failed: "bad", abandoned: "warn", running: "quiet" }
const opened = new Set()
const call = (each) => {
  const made = element("details")
  made.dataset.call = each.id
  made.open = opened.has(each.id)
  made.addEventListener("toggle", () => (made.open ? opened.add(each.id) : opened.delete(each.id)))
  const summary = element("summary")
  const who = each.provider === null ? each.model : each.model === each.provider ? each.model : each.model + " → " + each.provider
  summary.append(
    element("span", who),
    element("span", each.code ?? each.state, callStates[each.state]),
    element("span", duration(each.durationMs), "quiet"),
    ...(each.state === "answered" ? [element("span", dollars(each.cost), "quiet")] : []),
    element("span", new Date(each.startedAt).toLocaleTimeString(), "quiet")
  )
  const attempts = element("ol")
  for (const attempt of each.attempts) {
    const item = element("li", attempt.provider + " (" + attempt.model + "): ")
    item.append(
      element("span", attempt.error ?? attempt.outcome, attempt.outcome === "succeeded" ? "good" : "bad"),
      " after " + duration(attempt.durationMs) + ", " + dollars(attempt.cost) + (attempt.billed ? " as billed" : "")
    )
    attempts.append(item)
  }
  const about = [each.id, each.delivery, each.key && "key " + each.key, each.user && "user " + each.user]
  made.append(summary, attempts, element("p", about.filter(Boolean).join(" · "), "quiet"))
  return made
}

const figures = ({ calls, cost, dearest, running }) => {
  const made = [["Spent", dollars(cost)]]
  if (dearest !== null) made.push(["With " + dearest.provider + " alone", dollars(dearest.cost)])
  made.push(["Calls under way", String(running)])
  return made.map(([term, value]) => {
    const figure = element("div")
    figure.append(element("dt", term), element("dd", value))
    return figure
  })
}

const saved = ({ cost, dearest }) => {
  if (dearest === null || Number(dearest.cost) === 0) return ""
  const share = 1 - Number(cost) / Number(dearest.cost)
  return share < 0
    ? "Today's attempts cost " + percent(-share) + " more than the same answers of the most expensive provider."
    : "That is " + percent(share) + " less than the same answers would have cost with the most expensive provider."
}

const alone = ({ sharedAwaySince }) =>
  sharedAwaySince
    ? " Redis is away since " + new Date(sharedAwaySince).toLocaleTimeString() +
      ": this process keeps to its own share of the limits."
    : ""

const setup = ({ configuration, instance }) =>
  (instance ? " Instance " + instance + "." : "") +
  (configuration.hash
    ? " Configuration " + configuration.hash + " since " + new Date(configuration.since).toLocaleString() + "."
    : "")

const refused = ({ configuration: { refused } }) =>
  refused === null
    ? ""
    : "Another configuration was refused at " + new Date(refused.at).toLocaleString() + ": " + refused.reason

const show = (status) => {
  at("state").textContent =
    "Live. Money is counted since " + new Date(status.since).toLocaleString() + "." + setup(status) + alone(status)
  at("refused").textContent = refused(status)
  at("figures").replaceChildren(...figures(status))
  at("saved").textContent = saved(status)
  at("providers").replaceChildren(...status.providers.map(provider))
  at("learned").hidden = !status.learned
  at("learned-cards").replaceChildren(...(status.learned ? learned(status.learned) : []))
  at("calls").replaceChildren(
    ...(status.calls.length === 0 ? [element("p", "None yet.", "quiet")] : status.calls.map(call))
  )
}

const refresh = async () => {
  try {
    const response = await fetch("/status.json", { cache: "no-store" })
    if (!response.ok) throw new Error("status " + response.status)
    show(await response.json())
  } catch (error) {
    at("state").textContent = "The gateway doesn't answer (" + error.message + "). What is shown may be old."
  }
  setTimeout(refresh, 2000)
}
refresh()
`
