/**
 * The test kit: engines that follow a script, the contract that engines prove themselves by, generators for
 * property tests, virtual time and simulated fleets. It depends on no test runner.
 *
 * @since 0.1.0
 */

/**
 * Generators for property tests: tasks, errors, scripts, fleets, policies.
 *
 * @since 0.1.0
 */
export * as Arbitraries from "./Arbitraries.js"

/**
 * What a scripted engine does in one attempt, as plain data.
 *
 * @since 0.1.0
 */
export * as Behaviour from "./Behaviour.js"

/**
 * The contract of every engine as a list of laws: how a new engine proves itself.
 *
 * @since 0.1.0
 */
export * as EngineContract from "./EngineContract.js"

/**
 * Engines that follow a script and record what they were asked.
 *
 * @since 0.1.0
 */
export * as ScriptedEngine from "./ScriptedEngine.js"

/**
 * A fleet of providers over virtual hours, with the real orchestrator between them and its tasks.
 *
 * @since 0.1.0
 */
export * as Simulation from "./Simulation.js"

/**
 * Runs an effect in a time of its own: virtual hours in milliseconds.
 *
 * @since 0.1.0
 */
export * as VirtualTime from "./VirtualTime.js"

/**
 * Servers of scripted replies, for testing engines over real HTTP.
 *
 * @since 0.1.0
 */
export * as WireServer from "./WireServer.js"
