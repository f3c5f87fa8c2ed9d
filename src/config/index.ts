/**
 * The configuration of the command line, for programs.
 *
 * @since 0.1.0
 */
export { ConfigurationError, FileError, layerFromConfig, type Source } from "./Backend.js"
