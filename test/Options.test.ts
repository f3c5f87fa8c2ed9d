import { readFileSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import {
  AnswerCache,
  AIProvider,
  AITask,
  Acceptance,
  Budgets,
  BudgetStore,
  Canary,
  Cascade,
  CircuitBreaker,
  CostOptimizer,
  Feedback,
  Escalation,
  Hedging,
  InvalidArgument,
  Learning,
  LiveMetrics,
  MultiLLMOrchestrator,
  Outcomes,
  Pool,
  Price,
  PriceCatalog,
  ProviderMetrics,
  ProviderRouter,
  QualityModel,
  RateLimits,
  ReasoningEngine,
  ReasoningEngineRegistry,
  Reliability,
  ResponseMode,
  Retraining,
  RetryBudget,
  RoutingPolicy,
  Savings,
  Sessions,
  SessionStore,
  StateOwners,
  SpendLedger,
  Strategy,
  Telemetry,
  TokenUsage,
  type TaskService
} from "arc-saga"
import { CallOptions, LanguageModelEngine } from "arc-saga/ai"
import { AccessTokens, EntraId, TokenStore } from "arc-saga/auth"
import { Answers, Circuits, Connection, Limits, Sessions as SharedSessions, Shared } from "arc-saga/redis"
import { BatchQueue, BatchWorker } from "arc-saga/batch"
import * as BudgetsSql from "arc-saga/Budgets/Sql"
import { Claude, Copilot, OpenAI, OpenAICompatible, Simulated } from "arc-saga/engines"
import { Activity, ApiKeys, Gateway, KeyStore } from "arc-saga/gateway"
import * as OutcomesFile from "arc-saga/Outcomes/File"
import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import { Behaviour, ScriptedEngine, Simulation, VirtualTime } from "arc-saga/testing"
import * as SimulationOptions from "arc-saga/testing/Simulation/Options"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Listener from "../src/cli/Listener.js"
import * as NodeListener from "../src/cli/Listener/Node.js"
import * as databases from "./utils/databases.js"
import { openAi } from "./utils/languageModels.js"
import * as outcomes from "./utils/outcomes.js"
import { nowhere } from "./utils/redis.js"

/** All options of `O` that may be absent, as undefined: the compiler asks for each of them. */
type Absent<O> = { readonly [K in keyof O as O extends Record<K, O[K]> ? never : K]-?: undefined }

/** What can be compared: a function is as good as another. */
const shape = (value: unknown): unknown => {
  if (typeof value === "function") return "a function"
  if (Array.isArray(value)) return value.map(shape)
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shape(field)]))
}

interface Row {
  readonly of: string
  readonly made: Effect.Effect<unknown, object, Scope.Scope>
  readonly plain: Effect.Effect<unknown, object, Scope.Scope>
  /** With an option that there isn't. */
  readonly strange: Effect.Effect<unknown, object, Scope.Scope>
}

/** Something made with all that may be absent as undefined, and with nothing of it. */
const row = <O>(
  of: string,
  make: (options: Partial<Absent<O>>) => Effect.Effect<unknown, object, Scope.Scope>,
  fields: Absent<O> & Partial<Absent<O>>
): Row => {
  // Where options come from Config, it is one, too.
  const strange: Partial<Absent<O>> = Object.assign({}, fields, { strange: Config.succeed(1) })
  return {
    of,
    made: Effect.map(make(fields), shape),
    plain: Effect.map(make({}), shape),
    strange: Effect.suspend(() => make(strange))
  }
}

/** Those that can be made in no other way than well: what isn't known of them has no place to be told. */
const trusting = new Set([
  "AITask.Options: a message, a tool",
  "ai/CallOptions.Options",
  "MultiLLMOrchestrator.Options",
  "TaskService.ServeOptions",
  "batch/BatchWorker.Options",
  "ReasoningEngine.Options",
  "ReasoningEngine.Answer",
  "RoutingPolicy.RouteOptions",
  "SpendLedger.Filter",
  "Telemetry.Options",
  "TokenUsage.make",
  "auth/TokenStore.DirectoryOptions",
  "testing/Behaviour.PaceOptions",
  "testing/ScriptedEngine.Options",
  "testing/VirtualTime.Options"
])

const built = <A, E>(layer: Layer.Layer<A, E>) => Effect.as(Layer.build(layer), "built")

/** Without a Redis. */
const away = <A, E>(layer: Layer.Layer<A, E, Connection.Connection>) =>
  built(Layer.provide(layer, Connection.layer({ url: nowhere })))

const provider = AIProvider.Claude
const baseUrl = "http://127.0.0.1:1/v1"
const apiKey = Redacted.make("test-key-4711")
const task = Either.getOrThrow(AITask.make({ prompt: "Hi" }))
const quality = Either.getOrThrow(QualityModel.train(Outcomes.split(outcomes.make(300), "s0")))
const Quality = QualityModel.layer(quality)
const echo = ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ text: "a" }) })
const Engines = ReasoningEngineRegistry.layerEngines([echo])
const Router = Layer.provideMerge(ProviderRouter.layer(), Engines)
const Kept = AnswerCache.layerMemory()
const Orchestrator = Layer.provideMerge(MultiLLMOrchestrator.layerFor({}), Engines)

const sqlite = <A, E>(layer: Layer.Layer<A, E, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    const database = yield* Effect.fromNullable(databases.databases.at(0))
    return yield* built(Layer.provide(layer, yield* database.fresh))
  })

const simulated: SimulationOptions.Options["providers"][0] = {
  provider,
  firstTokenMs: undefined,
  tokensPerSecond: undefined,
  errors: undefined,
  price: undefined
}
const Tokens = Layer.succeed(AccessTokens.AccessTokens, {
  get: () => Effect.succeed(apiKey),
  renew: () => Effect.succeed(apiKey)
})

const withHttp = Effect.provide(FetchHttpClient.layer)

const engine: Absent<ReasoningEngine.Options> = {
  model: undefined,
  capabilities: undefined,
  wires: undefined,
  price: undefined
}
const pace: Absent<Behaviour.PaceOptions> = {
  text: undefined,
  chunkSize: undefined,
  chunks: undefined,
  firstTokenMs: undefined,
  msPerChunk: undefined,
  usage: undefined,
  metered: undefined,
  rateLimits: undefined
}
const serve: Absent<TaskService.ServeOptions> = {
  useFallback: undefined,
  strategy: undefined,
  defaultTimeoutMs: undefined
}
const calls: Omit<Absent<AITask.Options>, "messages" | "mode" | "prompt" | "responseFormat"> = {
  id: undefined,
  systemPrompt: undefined,
  provider: undefined,
  pinned: undefined,
  maxTokens: undefined,
  temperature: undefined,
  topP: undefined,
  stop: undefined,
  nativeTools: undefined,
  parallelToolCalls: undefined,
  reasoning: undefined,
  repair: undefined,
  topK: undefined,
  seed: undefined,
  frequencyPenalty: undefined,
  presencePenalty: undefined,
  verbosity: undefined,
  logProbabilities: undefined,
  serviceTier: undefined,
  cacheKey: undefined,
  session: undefined,
  agent: undefined,
  unsupported: undefined,
  answerCache: undefined,
  options: undefined,
  original: undefined,
  tools: undefined,
  toolChoice: undefined,
  userId: undefined,
  keyId: undefined,
  team: undefined,
  providers: undefined,
  timeoutMs: undefined,
  metadata: undefined
}
const { systemPrompt: _systemPrompt, toolChoice: _toolChoice, tools: _tools, ...ownCalls } = calls

const rows: ReadonlyArray<Row> = [
  row<AITask.Options>("AITask.Options", (options) => AITask.make({ ...options, prompt: "Hi" }), {
    ...calls,
    prompt: undefined,
    messages: undefined,
    mode: undefined,
    responseFormat: undefined
  }),
  row<{ toolCalls?: undefined; description?: undefined; title?: undefined }>(
    "AITask.Options: a message, a tool",
    ({ description, title, toolCalls }) =>
      AITask.make({
        messages: [{ role: "assistant", content: "Hi", toolCalls }],
        tools: [{ name: "t", description, parameters: { type: "object", properties: { a: { title } } } }]
      }),
    { toolCalls: undefined, description: undefined, title: undefined }
  ),
  row<Budgets.Options>(
    "Budgets.Options",
    (options) =>
      Effect.provide(
        Budgets.make({ ...options, budgets: [{ name: "b", scope: "overall", period: "day", usd: 1 }] }),
        BudgetStore.layerMemory
      ),
    { budgets: undefined, maxOutputTokens: undefined, unpriced: undefined }
  ),
  row<Budgets.Budget>(
    "Budgets.Budget",
    (options) =>
      Effect.provide(
        Effect.flatMap(
          Budgets.make({ budgets: [{ ...options, name: "b", scope: "user", period: "day", usd: 1 }] }),
          (budgets) => budgets.status({ userId: "u", keyId: undefined })
        ),
        BudgetStore.layerMemory
      ),
    { subject: undefined, usd: undefined, tokens: undefined }
  ),
  row<BudgetsSql.Options>("Budgets/Sql.Options", (options) => sqlite(BudgetsSql.layerStore(options)), {
    leaseMs: undefined,
    reserveMs: undefined,
    writeTimeoutMs: undefined,
    drainMs: undefined
  }),
  row<CallOptions.Options>(
    "ai/CallOptions.Options",
    (options) =>
      CallOptions.CallOptions.pipe(
        CallOptions.withOptions(options),
        CallOptions.withOptions({ temperature: 1, userId: "u" }),
        (inner) => CallOptions.withOptions(inner, { temperature: 0.5 }),
        Effect.zip(
          Stream.runCollect(
            Stream.fromEffect(CallOptions.CallOptions).pipe(
              CallOptions.withOptionsStream(options),
              CallOptions.withOptionsStream({ temperature: 1 })
            )
          )
        )
      ),
    { ...ownCalls, ...serve }
  ),
  row<Cascade.Options>(
    "Cascade.Options",
    (options) =>
      Cascade.make({
        ...options,
        asks: [provider],
        last: "gpt4",
        accept: Acceptance.verified("all", () => Effect.succeed(true))
      }).pipe(Effect.provide(Layer.merge(Router, CostOptimizer.layer([{ provider }])))),
    { timeoutMs: undefined }
  ),
  row<CircuitBreaker.Options>("CircuitBreaker.Options", CircuitBreaker.make, {
    consecutiveFailures: undefined,
    failureRate: undefined,
    minimumCalls: undefined,
    windowMs: undefined,
    openMs: undefined,
    maxOpenMs: undefined,
    probeMs: undefined,
    users: undefined,
    isFailure: undefined
  }),
  row<Hedging.Options>(
    "Hedging.Options",
    (options) => Effect.provide(Hedging.make(options), LiveMetrics.layer()),
    { quantile: undefined, share: undefined, windowMs: undefined, leastMs: undefined }
  ),
  row<LiveMetrics.Options>("LiveMetrics.Options", LiveMetrics.make, {
    windowMs: undefined,
    samples: undefined,
    enough: undefined,
    isFailure: undefined
  }),
  row<MultiLLMOrchestrator.Options>(
    "MultiLLMOrchestrator.Options",
    (options) =>
      Effect.flatMap(MultiLLMOrchestrator.make(options), (made) => made.strategy).pipe(
        Effect.provide(Layer.merge(Router, CostOptimizer.layer([{ provider }])))
      ),
    { strategy: undefined, canary: undefined }
  ),
  row<Canary.Options>(
    "Canary.Options",
    (options) => Either.map(Canary.make({ ...options, provider, share: 0.5 }), (canary) => canary.provider),
    { seed: undefined }
  ),
  row<Parameters<typeof MultiLLMOrchestrator.layerFor>[0]>(
    "MultiLLMOrchestrator.layerFor",
    (options) =>
      MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
        Effect.flatMap((made) => made.complete(task)),
        Effect.map(({ text }) => text),
        Effect.provide(Layer.provide(MultiLLMOrchestrator.layerFor(options), Engines))
      ),
    { providers: undefined, strategy: undefined, canary: undefined, policy: undefined }
  ),
  row<TaskService.ServeOptions>(
    "TaskService.ServeOptions",
    (options) =>
      MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
        Effect.flatMap((made) => made.complete(task, options)),
        Effect.map(({ text }) => text),
        Effect.provide(Orchestrator)
      ),
    serve
  ),
  row<Price.Options>("Price.Options", (options) => Price.make({ ...options, input: 1, output: 2 }), {
    cacheRead: undefined,
    cacheWrite: undefined,
    cacheWrite1h: undefined,
    tiers: undefined
  }),
  row<PriceCatalog.Options>(
    "PriceCatalog.Options",
    (options) =>
      Effect.flatMap(PriceCatalog.make([{ ...options, model: "m" }]), (prices) =>
        prices.find({ model: "m", baseUrl })
      ),
    { baseUrl: undefined, price: undefined, contextWindow: undefined }
  ),
  row<ProviderMetrics.Options>(
    "ProviderMetrics.Options",
    (options) =>
      Effect.flatMap(CostOptimizer.make([{ ...options, provider }]), (optimizer) =>
        Effect.zipRight(optimizer.updateMetrics({ ...options, provider }), optimizer.metrics)
      ),
    {
      costPerToken: undefined,
      price: undefined,
      p50LatencyMs: undefined,
      p99LatencyMs: undefined,
      p50FirstTokenMs: undefined,
      p99FirstTokenMs: undefined,
      tokensPerSecond: undefined,
      successRate: undefined,
      qualityScore: undefined,
      available: undefined
    }
  ),
  row<Learning.Options>(
    "Learning.Options",
    (options) =>
      built(
        Layer.provide(
          Learning.layer({
            share: 0.1,
            budget: { usd: 1 },
            judge: { name: "none", judge: () => Effect.succeedNone },
            record: () => Effect.void,
            ...options
          }),
          Engines
        )
      ),
    {
      providers: undefined,
      concurrency: undefined,
      seed: undefined,
      prompts: undefined,
      remembered: undefined,
      familyOf: undefined,
      policy: undefined
    }
  ),
  row<Retraining.Options>(
    "Retraining.Options",
    (options) =>
      Retraining.decide(outcomes.make(300), { promises: [{ by: "prediction", keep: 0.9 }], ...options }),
    { current: undefined, seed: undefined, confidence: undefined, training: undefined }
  ),
  row<OutcomesFile.Options>(
    "Outcomes/File.Options",
    (options) => Effect.provide(OutcomesFile.make("outcomes.jsonl", options), NodeContext.layer),
    { maxBytes: undefined }
  ),
  row<QualityModel.Options>("QualityModel.Options", (options) => QualityModel.make(quality, options), {
    remembered: undefined,
    learningRate: undefined
  }),
  row<QualityModel.TrainOptions>(
    "QualityModel.TrainOptions",
    (options) => QualityModel.train(Outcomes.split(outcomes.make(300), "s0"), options),
    { seed: undefined, keep: undefined, confidence: undefined }
  ),
  row<BatchWorker.Options>(
    "batch/BatchWorker.Options",
    (options) =>
      Effect.either(
        // One that has nothing to do ends at once.
        BatchWorker.run({ ...options, once: true }).pipe(
          Effect.provideService(BatchQueue.BatchQueue, {
            renew: () => Effect.succeed([]),
            take: () => Effect.succeed([]),
            finish: () => Effect.void,
            release: () => Effect.void,
            leave: () => Effect.void
          }),
          Effect.provide(Orchestrator)
        )
      ),
    {
      concurrency: undefined,
      providers: undefined,
      attempts: undefined,
      leaseMs: undefined,
      pollMs: undefined,
      once: undefined
    }
  ),
  row<Answers.Options>("redis/Answers.Options", (options) => away(Answers.layer(options)), {
    maxCharacters: undefined
  }),
  row<SharedSessions.Options>("redis/Sessions.Options", (options) => away(SharedSessions.layer(options)), {
    idleMs: undefined
  }),
  row<Circuits.Options>("redis/Circuits.Options", (options) => away(Circuits.layer(options)), {
    refreshMs: undefined
  }),
  row<Connection.Options>(
    "redis/Connection.Options",
    (options) => built(Connection.layer({ ...options, url: nowhere })),
    { url: undefined, options: undefined, client: undefined, prefix: undefined, timeoutMs: undefined }
  ),
  row<Limits.Options>("redis/Limits.Options", (options) => away(Limits.layer(options)), {
    share: undefined,
    leaseMs: undefined
  }),
  row<Shared.Options>(
    "redis/Shared.Options",
    (options) => built(Shared.layer({ ...options, url: nowhere })),
    {
      url: undefined,
      options: undefined,
      client: undefined,
      prefix: undefined,
      timeoutMs: undefined,
      share: undefined,
      leaseMs: undefined,
      refreshMs: undefined,
      idleMs: undefined,
      keptMs: undefined,
      maxCharacters: undefined
    }
  ),
  row<RateLimits.Options>("RateLimits.Options", RateLimits.make, {
    providers: undefined,
    expectedOutputTokens: undefined
  }),
  row<typeof RateLimits.Limits.Type>(
    "RateLimits.Limits",
    (limits) => RateLimits.make({ providers: { [provider]: limits } }),
    { requestsPerMinute: undefined, tokensPerMinute: undefined, concurrency: undefined }
  ),
  row<ReasoningEngine.Options>(
    "ReasoningEngine.Options",
    (options) =>
      Effect.all([
        Effect.succeed(ReasoningEngine.fromStream({ ...options, provider, stream: () => Stream.empty })),
        Effect.succeed(
          ReasoningEngine.fromEffect({ ...options, provider, answer: () => Effect.succeed({ text: "a" }) })
        )
      ]),
    engine
  ),
  row<Partial<ReasoningEngine.Capabilities>>(
    "ReasoningEngine.Capabilities",
    (capabilities) =>
      withHttp(
        Effect.all([
          Effect.succeed(ReasoningEngine.fromStream({ provider, capabilities, stream: () => Stream.empty })),
          Effect.succeed(
            ReasoningEngine.fromEffect({
              provider,
              capabilities,
              answer: () => Effect.succeed({ text: "a" })
            })
          ),
          Claude.make({ apiKey, model: "m", capabilities }),
          OpenAI.make({ apiKey, model: "m", capabilities }),
          OpenAICompatible.make({ provider, baseUrl, model: "m", capabilities }),
          Effect.provide(Copilot.make({ capabilities }), Tokens),
          Effect.provide(LanguageModelEngine.make({ provider, model: "m", capabilities }), openAi(baseUrl))
        ])
      ),
    {
      tools: undefined,
      systemPrompt: undefined,
      sampling: undefined,
      prefill: undefined,
      jsonSchema: undefined,
      images: undefined,
      documents: undefined,
      audio: undefined,
      logProbabilities: undefined,
      streaming: undefined,
      contextWindow: undefined,
      reasoning: undefined
    }
  ),
  row<ReasoningEngine.Answer>(
    "ReasoningEngine.Answer",
    (answer) =>
      ResponseMode.make(
        ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ ...answer, text: "a" }) })
      ).pipe(
        Effect.flatMap((made) => made.complete(task)),
        Effect.map(({ finishReason, model, text, toolCalls, usage }) => ({
          text,
          toolCalls,
          usage,
          finishReason,
          model
        }))
      ),
    { toolCalls: undefined, usage: undefined, finishReason: undefined, model: undefined }
  ),
  row<Escalation.Options>(
    "Escalation.Options",
    (options) => Escalation.make({ ...options, strategy: Strategy.cheapest }),
    { failures: undefined, repeats: undefined }
  ),
  row<Sessions.Options>(
    "Sessions.Options",
    (options) => Effect.provide(Sessions.make(options), SessionStore.layerMemory()),
    { lifetimes: undefined }
  ),
  row<StateOwners.Options>("StateOwners.Options", StateOwners.makeMemory, {
    capacity: undefined,
    keptMs: undefined
  }),
  row<SessionStore.Options>("SessionStore.Options", SessionStore.makeMemory, {
    capacity: undefined,
    idleMs: undefined
  }),
  row<Reliability.Options>("Reliability.Options", (options) => built(Reliability.layer(options)), {
    circuitBreaker: undefined,
    rateLimits: undefined,
    retryBudget: undefined,
    liveMetrics: undefined
  }),
  row<AnswerCache.Options>(
    "AnswerCache.Options",
    (options) => built(Layer.provide(AnswerCache.layer(options), Layer.merge(Orchestrator, Kept))),
    { ttlMs: undefined, use: undefined, share: undefined, version: undefined }
  ),
  row<AnswerCache.MemoryOptions>("AnswerCache.MemoryOptions", AnswerCache.makeMemory, {
    entries: undefined,
    bytes: undefined
  }),
  row<Omit<Pool.Options, "members">>(
    "Pool.Options",
    (options) => Effect.as(Pool.make({ ...options, members: [{ name: "a", engine: echo }] }), "made"),
    { refusedMs: undefined, limitedMs: undefined, failingMs: undefined }
  ),
  row<Pool.MemberOptions>(
    "Pool.MemberOptions",
    (options) => Effect.as(Pool.make({ members: [{ ...options, name: "a", engine: echo }] }), "made"),
    { weight: undefined }
  ),
  row<RetryBudget.Options>("RetryBudget.Options", RetryBudget.make, {
    share: undefined,
    minimum: undefined,
    windowMs: undefined
  }),
  row<RoutingPolicy.Options>("RoutingPolicy.Options", RoutingPolicy.make, {
    chains: undefined,
    rules: undefined,
    limits: undefined,
    providerLimits: undefined,
    maxRetryAfterMs: undefined,
    resume: undefined
  }),
  row<Partial<RoutingPolicy.Limits>>(
    "RoutingPolicy.Limits",
    (limits) =>
      Effect.zip(
        RoutingPolicy.make({ limits }),
        ResponseMode.make(
          ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ text: "a" }) }),
          limits
        )
      ),
    {
      timeoutMs: undefined,
      firstTokenMs: undefined,
      idleMs: undefined,
      streamMs: undefined,
      attemptMs: undefined
    }
  ),
  row<Partial<RoutingPolicy.Rules>>("RoutingPolicy.Rules", (rules) => RoutingPolicy.make({ rules }), {
    AuthenticationError: undefined,
    InputValidationError: undefined,
    ContentPolicyError: undefined,
    ContextLengthError: undefined,
    QuotaExhaustedError: undefined,
    ModelNotFoundError: undefined,
    RateLimitError: undefined,
    TransientError: undefined,
    TimeoutError: undefined
  }),
  row<RoutingPolicy.RouteOptions>(
    "RoutingPolicy.RouteOptions",
    (options) =>
      ProviderRouter.ProviderRouter.pipe(
        Effect.flatMap((made) => made.complete({ ...task, provider }, options)),
        Effect.map(({ text }) => text),
        Effect.provide(Router)
      ),
    {
      useFallback: undefined,
      primary: undefined,
      order: undefined,
      unavailable: undefined,
      defaultTimeoutMs: undefined
    }
  ),
  row<Savings.Options>(
    "Savings.Options",
    (options) => Effect.provide(Savings.make({ ...options, keep: 0.9 }), Quality),
    { scope: undefined, cachedShare: undefined, explore: undefined }
  ),
  row<ApiKeys.StoreOptions>(
    "gateway/ApiKeys.StoreOptions",
    (options) => built(Layer.provide(ApiKeys.layerStore(options), KeyStore.layerMemory)),
    { refreshMs: undefined, graceMs: undefined }
  ),
  row<SpendLedger.MemoryOptions>("SpendLedger.MemoryOptions", SpendLedger.makeMemory, {
    capacity: undefined
  }),
  row<SpendLedger.Filter>(
    "SpendLedger.Filter",
    (filter) => Effect.flatMap(SpendLedger.makeMemory(), (ledger) => Stream.runCollect(ledger.rows(filter))),
    {
      since: undefined,
      until: undefined,
      provider: undefined,
      userId: undefined,
      keyId: undefined,
      team: undefined,
      taskId: undefined,
      session: undefined
    }
  ),
  row<Sqlite.Options>(
    "SpendLedger/Sqlite.Options",
    (options) => built(Sqlite.layer({ ...options, path: ":memory:" })),
    { busyMs: undefined }
  ),
  row<SpendLedgerSql.Options>("SpendLedger/Sql.Options", (options) => sqlite(SpendLedgerSql.layer(options)), {
    writeTimeoutMs: undefined,
    drainMs: undefined,
    maxWaiting: undefined
  }),
  row<Feedback.Options>("Feedback.Options", (options) => built(Feedback.layerMemory(options)), {
    perKey: undefined
  }),
  row<Strategy.Weights>(
    "Strategy.Weights",
    (weights) => Strategy.weighted("w", { ...weights, cost: 1, latency: 1, quality: 1 }),
    { costScale: undefined, latencyScaleMs: undefined }
  ),
  row<Telemetry.Options>("Telemetry.Options", (options) => Effect.succeed(Telemetry.make(options)), {
    captureContent: undefined,
    vendorOf: undefined
  }),
  row<Partial<TokenUsage.TokenUsage>>(
    "TokenUsage.make",
    (counts) => Effect.succeed(TokenUsage.make(counts)),
    {
      inputTokens: undefined,
      outputTokens: undefined,
      cacheReadTokens: undefined,
      cacheWriteTokens: undefined,
      cacheWrite1hTokens: undefined,
      reasoningTokens: undefined,
      estimated: undefined
    }
  ),
  row<LanguageModelEngine.Options>(
    "ai/LanguageModelEngine.Options",
    (options) =>
      Effect.provide(LanguageModelEngine.make({ ...options, provider, model: "m" }), openAi(baseUrl)),
    {
      capabilities: undefined,
      price: undefined,
      baseUrl: undefined,
      completeOver: undefined,
      secrets: undefined,
      configure: undefined
    }
  ),
  row<EntraId.Options>(
    "auth/EntraId.Options",
    (options) =>
      built(
        Layer.mergeAll(
          EntraId.layer({ ...options, clientId: "00000000-0000-0000-0000-000000000001" }),
          EntraId.layerConfig({
            ...options,
            clientId: Config.succeed("00000000-0000-0000-0000-000000000001")
          })
        ).pipe(Layer.provide(Layer.merge(FetchHttpClient.layer, TokenStore.layerMemory)))
      ),
    {
      clientSecret: undefined,
      tenantId: undefined,
      scopes: undefined,
      baseUrl: undefined,
      refreshEarlyMs: undefined
    }
  ),
  row<TokenStore.DirectoryOptions>(
    "auth/TokenStore.DirectoryOptions",
    (options) =>
      Effect.gen(function* () {
        const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
        yield* TokenStore.makeDirectory({ ...options, directory })
        return yield* Effect.as(
          Layer.build(TokenStore.layerDirectoryConfig({ ...options, directory: Config.succeed(directory) })),
          "built"
        )
      }).pipe(Effect.provide(NodeContext.layer)),
    { key: undefined }
  ),
  row<Claude.Options>(
    "engines/Claude.Options",
    (options) =>
      withHttp(
        Effect.zip(
          Claude.make({ ...options, apiKey, model: "m" }),
          built(
            Layer.provide(
              Claude.layerConfig({ ...options, apiKey: Config.succeed(apiKey), model: Config.succeed("m") }),
              Layer.merge(ReasoningEngineRegistry.layer, FetchHttpClient.layer)
            )
          )
        )
      ),
    {
      provider: undefined,
      baseUrl: undefined,
      version: undefined,
      maxTokens: undefined,
      price: undefined,
      capabilities: undefined,
      headers: undefined,
      completeOver: undefined,
      maxAnswerCharacters: undefined
    }
  ),
  row<Copilot.Options>(
    "engines/Copilot.Options",
    (options) => withHttp(Copilot.make(options)).pipe(Effect.provide(Tokens)),
    {
      provider: undefined,
      baseUrl: undefined,
      pathPrefix: undefined,
      timeZone: undefined,
      user: undefined,
      webSearch: undefined,
      files: undefined,
      price: undefined,
      capabilities: undefined,
      headers: undefined,
      maxAnswerCharacters: undefined
    }
  ),
  row<OpenAI.Options>(
    "engines/OpenAI.Options",
    (options) => withHttp(OpenAI.make({ ...options, apiKey, model: "m" })),
    {
      wire: undefined,
      provider: undefined,
      baseUrl: undefined,
      price: undefined,
      capabilities: undefined,
      headers: undefined,
      completeOver: undefined,
      maxAnswerCharacters: undefined
    }
  ),
  row<OpenAICompatible.Options>(
    "engines/OpenAICompatible.Options",
    (options) => withHttp(OpenAICompatible.make({ ...options, provider, baseUrl, model: "m" })),
    {
      wires: undefined,
      apiKey: undefined,
      headers: undefined,
      maxTokensField: undefined,
      includeUsage: undefined,
      toolCallIds: undefined,
      extraFields: undefined,
      completeOver: undefined,
      maxAnswerCharacters: undefined,
      capabilities: undefined,
      price: undefined
    }
  ),
  row<OpenAICompatible.PresetOptions>(
    "engines/OpenAICompatible.PresetOptions",
    (options) => {
      const config = OpenAICompatible.configOf(OpenAICompatible.presets.vllm, { ...options, model: "m" })
      return withHttp(Effect.flatMap(config, OpenAICompatible.make))
    },
    {
      provider: undefined,
      baseUrl: undefined,
      wires: undefined,
      apiKey: undefined,
      headers: undefined,
      maxTokensField: undefined,
      includeUsage: undefined,
      toolCallIds: undefined,
      extraFields: undefined,
      completeOver: undefined,
      maxAnswerCharacters: undefined,
      capabilities: undefined,
      price: undefined
    }
  ),
  row<Simulated.Options>("engines/Simulated.Options", (options) => Simulated.make({ ...options, provider }), {
    model: undefined,
    seed: undefined,
    price: undefined,
    firstTokenMs: undefined,
    tokensPerSecond: undefined,
    errorRate: undefined
  }),
  row<Gateway.Options>(
    "gateway/Gateway.Options",
    (options) =>
      Effect.flatMap(Listener.Listener, ({ listen }) =>
        built(
          Gateway.layer(options).pipe(
            Layer.provide(Layer.mergeAll(Activity.layer, Orchestrator)),
            Layer.provide(Layer.mergeAll(listen({ host: "127.0.0.1", port: 0 }), Engines))
          )
        )
      ).pipe(Effect.provide(NodeListener.layer)),
    {
      keys: undefined,
      delivery: undefined,
      deliveries: undefined,
      models: undefined,
      unsupported: undefined,
      keepAliveMs: undefined,
      maxBodyBytes: undefined,
      bodyTimeoutMs: undefined,
      drainMs: undefined,
      strategies: undefined,
      services: undefined,
      configuration: undefined,
      instance: undefined,
      metrics: undefined
    }
  ),
  row<Behaviour.PaceOptions>(
    "testing/Behaviour.PaceOptions",
    (options) =>
      Effect.succeed([
        Behaviour.answer({ ...options, toolCalls: undefined, warnings: undefined, finishReason: undefined }),
        Behaviour.cut({ ...options, after: undefined }),
        Behaviour.stall({ ...options, after: undefined }),
        Behaviour.fail({ _tag: "TimeoutError" }, { afterMs: undefined, during: undefined }),
        Behaviour.never({ during: undefined })
      ]),
    pace
  ),
  row<ScriptedEngine.Options>(
    "testing/ScriptedEngine.Options",
    (options) =>
      Effect.map(
        ScriptedEngine.make({ ...options, provider, script: [Behaviour.answer({ text: "a" })] }),
        ({ engine }) => engine
      ),
    { ...engine, record: undefined }
  ),
  row<SimulationOptions.Options>(
    "testing/Simulation/Options.Options",
    (options) =>
      Effect.all([
        SimulationOptions.decode({ ...options, policy: undefined, layer: undefined, providers: [simulated] }),
        Simulation.run({
          policy: options.policy,
          layer: options.layer,
          durationMs: 1,
          providers: [simulated]
        })
      ]),
    {
      seed: undefined,
      durationMs: undefined,
      arrivals: undefined,
      sessions: undefined,
      inputTokens: undefined,
      outputTokens: undefined,
      streamingShare: undefined,
      timeoutMs: undefined,
      strategy: undefined,
      policy: undefined,
      layer: undefined
    }
  ),
  row<VirtualTime.Options>(
    "testing/VirtualTime.Options",
    (options) => VirtualTime.run(Effect.succeed(1), options),
    { seed: undefined, startAt: undefined, limitMs: undefined, maxTasksPerInstant: undefined }
  )
]

const root = fileURLToPath(new URL("../src/", import.meta.url))
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(`${root}/${file}`, "utf8") }))
/** Rooms whose modules are imported without their name. */
const rooms = /^(reliability|routing|savings|spend|telemetry)\//
const isPublic = ({ file }: { readonly file: string }): boolean =>
  !/^(cli|wire)\/|(^|\/)internal\//.test(file)

/** Members that may be absent, each with its whole type: what follows deeper in, or closes it. */
const optionalMembers = (text: string): ReadonlyArray<string> =>
  Array.from(
    text.matchAll(/^( *)(?:.*[{ ])?readonly \w+\?:(.*(?:\n(?:\1 +(?! ?\*|\/\*).*|\1\).*))*)/gm),
    ([member]) => member
  )

describe("options", () => {
  it.scoped.each(rows)("of $of are absent when they are undefined", ({ made, plain }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* made, yield* plain)
    }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map())))
  )

  it.scoped.each(rows)("of $of that aren't known are refused by name", ({ of, strange }) =>
    Effect.gen(function* () {
      const made = yield* Effect.either(strange)
      if (trusting.has(of)) return assert.isTrue(Either.isRight(made))
      const error: unknown = Either.isLeft(made) ? made.left : undefined
      assert.instanceOf(error, InvalidArgument.InvalidArgumentError)
      assert.match(error.field, /\bstrange$/)
      assert.match(error.reason, /^is unexpected, expected: "/)
    }).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map())))
  )

  it("are all in that table", () => {
    const named = sources
      .filter(isPublic)
      .flatMap(({ file, text }) =>
        Array.from(
          text.matchAll(/^export (?:interface|type) (\w*Options)\b/gm),
          ([, name]) => `${file.replace(/\.ts$/, "").replace(rooms, "")}.${name}`
        )
      )
    assert.isAbove(named.length, 30)
    // Nothing of TokenStore's Options may be absent; a wire's are what that wire has; the orchestrator's are TaskService's.
    const others = ["auth/TokenStore.Options", "Wire.Options", "MultiLLMOrchestrator.ServeOptions"]
    const known = new Set([...rows.map(({ of }) => of), ...others])
    assert.deepStrictEqual(
      named.filter((name) => !known.has(name)),
      []
    )
  })

  it("say in their types that they may be undefined", () => {
    const found = sources
      .filter(({ file }) => !file.startsWith("cli/"))
      .flatMap(({ file, text }) => optionalMembers(text).map((member) => ({ file, member })))
    assert.isAbove(found.length, 150)
    for (const { file, member } of found) {
      for (const one of member.split(/(?=readonly \w+\?:)/).slice(1)) {
        assert.match(one, /\| undefined\b|^readonly \w+\?: (undefined|unknown|any)/, `${file}: ${member}`)
      }
    }
  })

  it("say so in their schemas, too", () => {
    for (const { file, text } of sources.filter(isPublic)) {
      assert.notMatch(text, /\bexact: true\b/, file)
    }
  })
})
