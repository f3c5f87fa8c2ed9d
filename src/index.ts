/**
 * An Effect-native multi-LLM orchestrator.
 *
 * @since 0.1.0
 */
export * as AIProvider from "./AIProvider.js"
export * as AIResult from "./AIResult.js"
export * as AITask from "./AITask.js"
export * as AttemptGuard from "./AttemptGuard.js"
export * as AttemptObserver from "./AttemptObserver.js"
export * as BudgetExceeded from "./BudgetExceeded.js"
export * as CostOptimizer from "./CostOptimizer.js"
export * as EngineError from "./EngineError.js"
export * as InvalidArgument from "./InvalidArgument.js"
export * as MultiLLMOrchestrator from "./MultiLLMOrchestrator.js"
export * as Price from "./Price.js"
export * as PriceCatalog from "./PriceCatalog.js"
export * as ProviderMetrics from "./ProviderMetrics.js"
export * as ProviderRouter from "./ProviderRouter.js"
export * as ReasoningEngine from "./ReasoningEngine.js"
export * as ReasoningEngineRegistry from "./ReasoningEngineRegistry.js"
export * as ResponseMode from "./ResponseMode.js"
export * as RoutingPolicy from "./RoutingPolicy.js"
export * as Strategy from "./Strategy.js"
export * as StreamEvent from "./StreamEvent.js"
export * as TokenUsage from "./TokenUsage.js"
export * as Usd from "./Usd.js"
