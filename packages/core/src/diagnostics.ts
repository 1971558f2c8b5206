import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel'

/** Every tracing channel of the Box packages (node:diagnostics_channel). Without a subscriber they cost nothing. */
export const channels: {
  readonly launch: TracingChannel
  readonly unpack: TracingChannel
  readonly mount: TracingChannel
  readonly commit: TracingChannel
  readonly pull: TracingChannel
  readonly push: TracingChannel
  readonly serve: TracingChannel
  readonly run: TracingChannel
} = {
  /** One process started by @box/namespaces. */
  launch: tracingChannel('box:namespaces:launch'),
  /** One layer unpacked by @box/layers. */
  unpack: tracingChannel('box:layers:unpack'),
  /** One root mounted by @box/layers. */
  mount: tracingChannel('box:layers:mount'),
  /** One layer committed by @box/layers. */
  commit: tracingChannel('box:layers:commit'),
  /** One image pulled by @box/registry. */
  pull: tracingChannel('box:registry:pull'),
  /** One image pushed by @box/registry. */
  push: tracingChannel('box:registry:push'),
  /** One request answered by the server of @box/registry. */
  serve: tracingChannel('box:registry:serve'),
  /** One container run by @box/runtime. */
  run: tracingChannel('box:runtime:run'),
}
