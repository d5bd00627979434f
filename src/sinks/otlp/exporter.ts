/**
 * Exports spans by OTLP over HTTP: encoded by the SDK, and sent as vmbuild sends everything, through
 * the host's proxies and with its certificate authorities.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ExportResultCode } from "@opentelemetry/core";
import type { ExportResult } from "@opentelemetry/core";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Dispatcher } from "undici";
import { createAgent } from "../../inputs/agent.js";
import { backoffMs } from "../../inputs/clock.js";
import type { SendResult } from "../delivery.js";
import type { Delivered } from "../kind.js";
import { sendRequest } from "../http/request.js";

/** Settings of an exporter. Times are milliseconds. */
export interface ExporterSettings {
  /** URL that spans are sent to, with its path. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Limit of one request. */
  readonly timeoutMs: number;
  readonly onProblem: (reason: string) => void;
}

/** Attempts to send a batch of spans while the run goes on; each batch waits for the one before. */
const ATTEMPTS = 6;

/** Exporter that counts spans, and repeats failed requests after growing pauses. */
export class OtlpExporter implements SpanExporter {
  readonly #settings: ExporterSettings;
  readonly #stop = new AbortController();
  #agent: Promise<Dispatcher> | undefined;
  #delivered = 0;
  #lost = 0;

  constructor(settings: ExporterSettings) {
    this.#settings = settings;
  }

  /** Sends spans, and calls `done` in any case. */
  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    void this.#export(spans, done);
  }

  /** Ends requests and pauses; spans that are not sent by then are lost. */
  abort(): void {
    this.#stop.abort();
  }

  /** Releases the connections. */
  async shutdown(): Promise<void> {
    const agent = await this.#agent;
    await agent?.destroy();
  }

  /** Numbers of spans. */
  get counts(): Delivered {
    return { delivered: this.#delivered, waiting: 0, lost: this.#lost };
  }

  async #export(spans: ReadableSpan[], done: (result: ExportResult) => void): Promise<void> {
    if (await this.#send(spans)) this.#delivered += spans.length;
    else this.#lost += spans.length;
    // Failures are counted here; for the SDK each export succeeds.
    done({ code: ExportResultCode.SUCCESS });
  }

  async #send(spans: ReadableSpan[]): Promise<boolean> {
    const bytes = JsonTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
    const text = Buffer.from(bytes).toString("utf8");
    for (let attempt = 1; attempt <= ATTEMPTS && !this.#stop.signal.aborted; attempt++) {
      const result = await this.#request(text, spans[0]?.spanContext().spanId ?? "");
      if (result.kind === "delivered") return true;
      this.#settings.onProblem(result.reason);
      if (result.kind === "refused") return false;
      const pauseMs = result.retryAfterMs ?? backoffMs(attempt, Math.random());
      // The signal ends the pause.
      await sleep(pauseMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
    }
    return false;
  }

  async #request(text: string, id: string): Promise<SendResult> {
    const { url, headers, timeoutMs } = this.#settings;
    this.#agent ??= createAgent();
    const body = { text, type: "application/json" };
    const request = { url, method: "POST" as const, headers, body, id, timeoutMs };
    return sendRequest(request, await this.#agent, this.#stop.signal);
  }
}
