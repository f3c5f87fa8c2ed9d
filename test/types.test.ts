import { describe, expectTypeOf, it } from "@effect/vitest"
import type {
  AIProvider,
  AIResult,
  AttemptObserver,
  BudgetExceeded,
  BudgetStore,
  CircuitBreaker,
  EngineError,
  InvalidArgument,
  LiveMetrics,
  Price,
  ProviderMetrics,
  RateLimits,
  RetryBudget,
  StreamEvent,
  TaskService,
  StateOwners
} from "arc-saga"
import {
  AITask,
  Budgets,
  Cascade,
  CostOptimizer,
  MultiLLMOrchestrator,
  ProviderRouter,
  ReasoningEngine,
  ReasoningEngineRegistry,
  Reliability,
  ResponseMode,
  RoutingPolicy,
  SpendLedger,
  Strategy
} from "arc-saga"
import { SagaLanguageModel } from "arc-saga/ai"
import type { AccessTokens } from "arc-saga/auth"
import * as BudgetsSql from "arc-saga/Budgets/Sql"
import { Claude, Copilot, OpenAI, OpenAICompatible, Simulated } from "arc-saga/engines"
import { Activity, ApiKeys, Gateway } from "arc-saga/gateway"
import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import type * as LanguageModel from "@effect/ai/LanguageModel"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServer from "@effect/platform/HttpServer"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { ConfigError } from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

// The compiler checks what is said here (`npm run check:types`); at run time these tests say nothing.

type Invalid = InvalidArgument.InvalidArgumentError
type NotRegistered = ReasoningEngineRegistry.EngineNotRegisteredError
type NoState = StateOwners.StateUnavailableError
type Duplicate = ReasoningEngineRegistry.DuplicateEngineError
type Interrupted = StreamEvent.StreamInterruptedError
type NoProvider = CostOptimizer.NoAvailableProviderError
type AllFailed = ProviderRouter.AllProvidersFailedError

type Budget = BudgetExceeded.BudgetError
type Chained = EngineError.PermanentEngineError | AllFailed | Budget | NotRegistered | NoState
type Sole = EngineError.EngineError | Budget | NotRegistered | NoState

type Whole<E> = Effect.Effect<AIResult.AIResult, E>
type Streamed<E> = Stream.Stream<StreamEvent.StreamEvent, E | Interrupted>

interface Tasks {
  readonly complete: AITask.AITask<"complete">
  readonly streaming: AITask.AITask<"streaming">
  readonly either: AITask.AITask
  readonly useFallback: boolean
}

// Never called: their return types are what the calls give.

const routed = (service: ProviderRouter.Service, { either, useFallback }: Tasks) => ({
  complete: service.complete(either),
  completeChained: service.complete(either, { useFallback: true }),
  completeSole: service.complete(either, { useFallback: false }),
  completeUndecided: service.complete(either, { useFallback }),
  stream: service.stream(either),
  streamChained: service.stream(either, { useFallback: true }),
  streamSole: service.stream(either, { useFallback: false }),
  streamUndecided: service.stream(either, { useFallback })
})

const served = (
  service: MultiLLMOrchestrator.Service,
  { complete, either, streaming, useFallback }: Tasks
) => ({
  complete: service.complete(either),
  completeChained: service.complete(either, { useFallback: true }),
  completeSole: service.complete(either, { useFallback: false }),
  completeUndecided: service.complete(either, { useFallback }),
  stream: service.stream(either),
  streamSole: service.stream(either, { useFallback: false }),
  streamUndecided: service.stream(either, { useFallback }),
  executeComplete: service.execute(complete),
  executeStreaming: service.execute(streaming),
  executeEither: service.execute(either)
})

const delivered = (service: ResponseMode.Service, { complete, either, streaming }: Tasks) => ({
  complete: service.complete(either),
  stream: service.stream(either),
  executeComplete: service.execute(complete),
  executeStreaming: service.execute(streaming),
  executeEither: service.execute(either)
})

const made = (mode: AITask.Mode, options: AITask.Options) => ({
  silent: AITask.make({ prompt: "a" }),
  complete: AITask.make({ prompt: "a", mode: "complete" }),
  streaming: AITask.make({ prompt: "a", mode: "streaming" }),
  undecided: AITask.make({ prompt: "a", mode }),
  decoded: AITask.decodeUnknown(options),
  moved: (task: AITask.AITask<"streaming">, provider: AIProvider.AIProvider) =>
    AITask.withProvider(task, provider)
})

const registered = (
  engine: Effect.Effect<ReasoningEngine.ReasoningEngine, "no key", Scope.Scope | CostOptimizer.CostOptimizer>
) => ReasoningEngineRegistry.layerRegister(engine)

type Task<M extends AITask.Mode> = Either.Either<AITask.AITask<M>, Invalid>

describe("types of AITask", () => {
  it("carry the mode that was asked for", () => {
    type Made = ReturnType<typeof made>
    expectTypeOf<Made["silent"]>().toEqualTypeOf<Task<"complete">>()
    expectTypeOf<Made["complete"]>().toEqualTypeOf<Task<"complete">>()
    expectTypeOf<Made["streaming"]>().toEqualTypeOf<Task<"streaming">>()
    expectTypeOf<Made["undecided"]>().toEqualTypeOf<Task<"complete" | "streaming">>()
    expectTypeOf<Made["decoded"]>().toEqualTypeOf<Task<AITask.Mode>>()
    expectTypeOf<ReturnType<Made["moved"]>>().toEqualTypeOf<AITask.AITask<"streaming">>()
  })

  it("let a task of one mode pass for a task of any, and not the other way round", () => {
    expectTypeOf<AITask.AITask<"complete">>().toExtend<AITask.AITask>()
    expectTypeOf<AITask.AITask>().not.toExtend<AITask.AITask<"complete">>()
    expectTypeOf<AITask.AITask<"streaming">>().not.toExtend<AITask.AITask<"complete">>()
  })

  it("admit nothing that wasn't validated", () => {
    expectTypeOf<AITask.Options>().not.toExtend<AITask.AITask>()
    expectTypeOf<string>().not.toExtend<AIProvider.AIProvider>()
  })
})

describe("types of EngineError", () => {
  it("are two families without a common member, which the guards tell apart", () => {
    type Permanent = EngineError.PermanentEngineError
    type Transient = EngineError.TransientEngineError
    expectTypeOf<Permanent["_tag"] & Transient["_tag"]>().toBeNever()
    expectTypeOf<EngineError.EngineError>().toEqualTypeOf<Permanent | Transient>()
    expectTypeOf<typeof EngineError.isTransient>().guards.toEqualTypeOf<Transient>()
    expectTypeOf<typeof EngineError.isPermanent>().guards.toEqualTypeOf<Permanent>()
  })
})

describe("types of ProviderRouter", () => {
  type Routed = ReturnType<typeof routed>

  it("fail with fallback by the primary's permanent error or that of all providers", () => {
    expectTypeOf<Routed["complete"]>().toEqualTypeOf<Whole<Chained>>()
    expectTypeOf<Routed["completeChained"]>().toEqualTypeOf<Whole<Chained>>()
    expectTypeOf<Routed["stream"]>().toEqualTypeOf<Streamed<Chained>>()
    expectTypeOf<Routed["streamChained"]>().toEqualTypeOf<Streamed<Chained>>()
  })

  it("fail without fallback by the primary's own error, and know no AllProvidersFailedError", () => {
    expectTypeOf<Routed["completeSole"]>().toEqualTypeOf<Whole<Sole>>()
    expectTypeOf<Routed["streamSole"]>().toEqualTypeOf<Streamed<Sole>>()
    expectTypeOf<Extract<Effect.Effect.Error<Routed["completeSole"]>, AllFailed>>().toBeNever()
    expectTypeOf<Extract<Stream.Stream.Error<Routed["streamSole"]>, AllFailed>>().toBeNever()
  })

  it("fail either way when it is decided at run time", () => {
    expectTypeOf<Routed["completeUndecided"]>().toEqualTypeOf<Whole<Chained | Sole>>()
    expectTypeOf<Routed["streamUndecided"]>().toEqualTypeOf<Streamed<Chained | Sole>>()
  })

  it("know no transient error with fallback: it would have been retried or fallen over", () => {
    type Error = Effect.Effect.Error<Routed["complete"]>
    expectTypeOf<Extract<Error, EngineError.TransientEngineError>>().toBeNever()
  })
})

describe("types of MultiLLMOrchestrator", () => {
  type Served = ReturnType<typeof served>

  it("fail as the router does, or because there is no provider", () => {
    expectTypeOf<Served["complete"]>().toEqualTypeOf<Whole<Chained | NoProvider>>()
    expectTypeOf<Served["completeChained"]>().toEqualTypeOf<Whole<Chained | NoProvider>>()
    expectTypeOf<Served["stream"]>().toEqualTypeOf<Streamed<Chained | NoProvider>>()
  })

  it("know no AllProvidersFailedError without fallback", () => {
    expectTypeOf<Served["completeSole"]>().toEqualTypeOf<Whole<Sole | NoProvider>>()
    expectTypeOf<Served["streamSole"]>().toEqualTypeOf<Streamed<Sole | NoProvider>>()
    expectTypeOf<Extract<Effect.Effect.Error<Served["completeSole"]>, AllFailed>>().toBeNever()
    expectTypeOf<Extract<Stream.Stream.Error<Served["streamSole"]>, AllFailed>>().toBeNever()
  })

  it("fail either way when it is decided at run time", () => {
    expectTypeOf<Served["completeUndecided"]>().toEqualTypeOf<Whole<Chained | Sole | NoProvider>>()
    expectTypeOf<Served["streamUndecided"]>().toEqualTypeOf<Streamed<Chained | Sole | NoProvider>>()
  })

  it("give by execute what the task's mode says", () => {
    expectTypeOf<Served["executeComplete"]>().toEqualTypeOf<Whole<Chained | NoProvider>>()
    expectTypeOf<Served["executeStreaming"]>().toEqualTypeOf<Streamed<Chained | NoProvider>>()
    expectTypeOf<Served["executeEither"]>().toEqualTypeOf<
      Whole<Chained | NoProvider> | Streamed<Chained | NoProvider>
    >()
  })
})

describe("types of ResponseMode", () => {
  type Delivered = ReturnType<typeof delivered>

  it("fail with the engine's own errors, and a stream with its interruption too", () => {
    expectTypeOf<Delivered["complete"]>().toEqualTypeOf<Whole<EngineError.EngineError>>()
    expectTypeOf<Delivered["stream"]>().toEqualTypeOf<Streamed<EngineError.EngineError>>()
  })

  it("give by execute what the task's mode says", () => {
    expectTypeOf<Delivered["executeComplete"]>().toEqualTypeOf<Whole<EngineError.EngineError>>()
    expectTypeOf<Delivered["executeStreaming"]>().toEqualTypeOf<Streamed<EngineError.EngineError>>()
    expectTypeOf<Delivered["executeEither"]>().toEqualTypeOf<
      Whole<EngineError.EngineError> | Streamed<EngineError.EngineError>
    >()
  })
})

describe("types of services", () => {
  it("require nothing in their methods and fail with what they name", () => {
    type Optimizer = CostOptimizer.Service
    type Registry = ReasoningEngineRegistry.Service
    expectTypeOf<ReturnType<Optimizer["select"]>>().toEqualTypeOf<
      Effect.Effect<AIProvider.AIProvider, NoProvider>
    >()
    expectTypeOf<ReturnType<Optimizer["rank"]>>().toEqualTypeOf<
      Effect.Effect<readonly [AIProvider.AIProvider, ...ReadonlyArray<AIProvider.AIProvider>], NoProvider>
    >()
    expectTypeOf<ReturnType<Optimizer["updateMetrics"]>>().toEqualTypeOf<Effect.Effect<void, Invalid>>()
    expectTypeOf<ReturnType<Registry["register"]>>().toEqualTypeOf<Effect.Effect<void, Duplicate>>()
    expectTypeOf<ReturnType<Registry["registerScoped"]>>().toEqualTypeOf<
      Effect.Effect<void, Duplicate, Scope.Scope>
    >()
    expectTypeOf<ReturnType<Registry["get"]>>().toEqualTypeOf<
      Effect.Effect<Option.Option<ReasoningEngine.ReasoningEngine>>
    >()
    expectTypeOf<ReturnType<Registry["unregister"]>>().toEqualTypeOf<Effect.Effect<boolean>>()
  })
})

describe("types of layers", () => {
  type Registry = ReasoningEngineRegistry.ReasoningEngineRegistry
  type Orchestrator = MultiLLMOrchestrator.MultiLLMOrchestrator

  it("say what they give, how they fail and what they need", () => {
    expectTypeOf<typeof ReasoningEngineRegistry.layer>().toEqualTypeOf<Layer.Layer<Registry>>()
    expectTypeOf<ReturnType<typeof ReasoningEngineRegistry.layerEngines>>().toEqualTypeOf<
      Layer.Layer<Registry, Duplicate>
    >()
    expectTypeOf<ReturnType<typeof CostOptimizer.layer>>().toEqualTypeOf<
      Layer.Layer<CostOptimizer.CostOptimizer, Invalid>
    >()
    expectTypeOf<ReturnType<typeof ProviderRouter.layer>>().toEqualTypeOf<
      Layer.Layer<ProviderRouter.ProviderRouter, Invalid, Registry>
    >()
    expectTypeOf<ReturnType<typeof ResponseMode.layer>>().toEqualTypeOf<
      Layer.Layer<ResponseMode.ResponseMode, Invalid>
    >()
    expectTypeOf<ReturnType<typeof MultiLLMOrchestrator.layer>>().toEqualTypeOf<
      Layer.Layer<
        Orchestrator | TaskService.TaskService,
        never,
        CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | Registry
      >
    >()
    expectTypeOf<ReturnType<typeof MultiLLMOrchestrator.layerFor>>().toEqualTypeOf<
      Layer.Layer<Orchestrator | TaskService.TaskService, Invalid, Registry>
    >()
  })

  it("of one engine fail and need as its making does, but for the scope", () => {
    expectTypeOf<ReturnType<typeof registered>>().toEqualTypeOf<
      Layer.Layer<never, "no key" | Duplicate, CostOptimizer.CostOptimizer | Registry>
    >()
  })
})

describe("types of constructors", () => {
  it("fail with an InvalidArgumentError in an Either", () => {
    expectTypeOf<ReturnType<typeof RoutingPolicy.make>>().toEqualTypeOf<
      Either.Either<RoutingPolicy.RoutingPolicy, Invalid>
    >()
    expectTypeOf<ReturnType<typeof ProviderMetrics.make>>().toEqualTypeOf<
      Either.Either<ProviderMetrics.ProviderMetrics, Invalid>
    >()
    expectTypeOf<ReturnType<typeof Price.make>>().toEqualTypeOf<Either.Either<Price.Price, Invalid>>()
    expectTypeOf<ReturnType<typeof Strategy.weighted>>().toEqualTypeOf<
      Either.Either<Strategy.Strategy, Invalid>
    >()
  })

  it("make engines that can only fail with engine errors", () => {
    expectTypeOf<ReturnType<ReasoningEngine.ReasoningEngine["attempt"]>>().toEqualTypeOf<
      Effect.Effect<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope>
    >()
    expectTypeOf<Effect.Effect.Error<ReasoningEngine.Pull>>().toEqualTypeOf<EngineError.EngineError>()
  })
})

describe("types of engines", () => {
  type Registry = ReasoningEngineRegistry.ReasoningEngineRegistry
  type Engine<R> = Layer.Layer<never, Duplicate | Invalid, R | Registry>
  type Configured<R> = Layer.Layer<never, ConfigError | Duplicate | Invalid, R | Registry>

  it("fail while they are made, by options, configuration or a name that is taken", () => {
    expectTypeOf<ReturnType<typeof Claude.layer>>().toEqualTypeOf<Engine<HttpClient.HttpClient>>()
    expectTypeOf<ReturnType<typeof OpenAI.layer>>().toEqualTypeOf<Engine<HttpClient.HttpClient>>()
    expectTypeOf<ReturnType<typeof OpenAICompatible.layer>>().toEqualTypeOf<Engine<HttpClient.HttpClient>>()
    expectTypeOf<ReturnType<typeof Copilot.layer>>().toEqualTypeOf<
      Engine<AccessTokens.AccessTokens | HttpClient.HttpClient>
    >()
    expectTypeOf<ReturnType<typeof Claude.layerConfig>>().toEqualTypeOf<Configured<HttpClient.HttpClient>>()
    expectTypeOf<ReturnType<typeof OpenAI.layerConfig>>().toEqualTypeOf<Configured<HttpClient.HttpClient>>()
    expectTypeOf<ReturnType<typeof OpenAICompatible.layerConfig>>().toEqualTypeOf<
      Configured<HttpClient.HttpClient>
    >()
    expectTypeOf<ReturnType<typeof Copilot.layerConfig>>().toEqualTypeOf<
      Configured<AccessTokens.AccessTokens | HttpClient.HttpClient>
    >()
  })

  it("need no network where they are simulated", () => {
    expectTypeOf<ReturnType<typeof Simulated.layer>>().toEqualTypeOf<Engine<never>>()
  })
})

describe("types of a cascade", () => {
  type Needed =
    | CostOptimizer.CostOptimizer
    | ProviderRouter.ProviderRouter
    | ReasoningEngineRegistry.ReasoningEngineRegistry

  it("is asked and fails as an orchestrator", () => {
    expectTypeOf<Cascade.Service["complete"]>().toEqualTypeOf<MultiLLMOrchestrator.Service["complete"]>()
    expectTypeOf<Cascade.Service["stream"]>().toEqualTypeOf<MultiLLMOrchestrator.Service["stream"]>()
    expectTypeOf<Cascade.Service["execute"]>().toEqualTypeOf<MultiLLMOrchestrator.Service["execute"]>()
  })

  it("is a Layer over router and optimizer", () => {
    expectTypeOf<ReturnType<typeof Cascade.layer>>().toEqualTypeOf<
      Layer.Layer<Cascade.Cascade | TaskService.TaskService, Invalid, Needed>
    >()
  })
})

describe("types of what stands around attempts", () => {
  it("fail by their options alone where they keep to this process", () => {
    expectTypeOf<ReturnType<typeof Reliability.layer>>().toEqualTypeOf<
      Layer.Layer<
        | CircuitBreaker.CircuitBreaker
        | LiveMetrics.LiveMetrics
        | RateLimits.RateLimits
        | RetryBudget.RetryBudget,
        Invalid
      >
    >()
    expectTypeOf<ReturnType<typeof Budgets.layer>>().toEqualTypeOf<Layer.Layer<Budgets.Budgets, Invalid>>()
    expectTypeOf<typeof SpendLedger.layer>().toEqualTypeOf<Layer.Layer<SpendLedger.SpendLedger>>()
  })

  it("fail by their database, too, where they share it", () => {
    type Database = SqlClient.SqlClient
    expectTypeOf<ReturnType<typeof SpendLedgerSql.layer>>().toEqualTypeOf<
      Layer.Layer<SpendLedger.SpendLedger, Invalid | SpendLedger.LedgerError, Database>
    >()
    expectTypeOf<ReturnType<typeof BudgetsSql.layer>>().toEqualTypeOf<
      Layer.Layer<Budgets.Budgets, BudgetStore.BudgetStoreError | Invalid, Database>
    >()
    expectTypeOf<ReturnType<typeof Sqlite.layer>>().toEqualTypeOf<Layer.Layer<Database, Invalid | SqlError>>()
  })
})

describe("types of the edges", () => {
  type Registry = ReasoningEngineRegistry.ReasoningEngineRegistry

  it("have a gateway fail before it serves, and never after", () => {
    expectTypeOf<ReturnType<typeof Gateway.layer>>().toEqualTypeOf<
      Layer.Layer<
        never,
        Gateway.UnprotectedGatewayError | Invalid,
        Activity.Activity | HttpServer.HttpServer | TaskService.TaskService | Registry
      >
    >()
    expectTypeOf<typeof Activity.layer>().toEqualTypeOf<
      Layer.Layer<Activity.Activity | AttemptObserver.AttemptObserver, never, Registry>
    >()
    expectTypeOf<ReturnType<typeof ApiKeys.layer>>().toEqualTypeOf<Layer.Layer<ApiKeys.ApiKeys, Invalid>>()
  })

  it("make a language model of Effect AI of nothing but what serves tasks", () => {
    expectTypeOf<typeof SagaLanguageModel.layer>().toEqualTypeOf<
      Layer.Layer<LanguageModel.LanguageModel, never, TaskService.TaskService>
    >()
  })
})
