#!/usr/bin/env node
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Cli from "./Cli.js"
import * as NodeListener from "./Listener/Node.js"
import * as NodeStandardStreams from "./StandardStreams/Node.js"
import * as NodeTrainer from "./Trainer/Node.js"
import * as NodeWorkers from "./Workers/Node.js"

const layer = Layer.mergeAll(
  FetchHttpClient.layer,
  NodeFileSystem.layer,
  NodeListener.layer,
  NodePath.layer,
  NodeStandardStreams.layer,
  NodeTerminal.layer,
  // Where the bundle has it.
  NodeTrainer.layer(new URL("bin/trainer.js", import.meta.url)),
  NodeWorkers.layer
)

Cli.run(process.argv).pipe(
  Effect.provide(layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(Cli.codeOf(exit))
  })
)
