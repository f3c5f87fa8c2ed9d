/**
 * The error of everything that a caller hands in and that can't be used: a task, a policy, metrics, a
 * configuration file.
 *
 * @since 0.1.0
 */
export { InvalidArgumentError } from "./internal/invalidArgument.js"
