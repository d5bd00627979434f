import { expect, it } from "vitest";
import { createBus } from "../../../src/events/bus.js";
import { Secrets } from "../../../src/events/secrets.js";
import { createFileSink } from "../../../src/events/sinks/file.js";
import { output } from "../../unit/events/support.js";

it("processes endless output in bounded memory", async () => {
  const secrets = new Secrets();
  secrets.add("hunter22");
  const bus = createBus("demo", secrets, [createFileSink("/dev/null")]);
  const line = "Get:1 http://mirror/debian bookworm/main amd64 package ".repeat(10);
  let most = 0;
  const before = process.memoryUsage().rss;
  for (let index = 0; index < 400_000; index++) {
    bus.emit(output(line + index, { step: "noisy" }));
    if (index % 50_000 === 0) most = Math.max(most, process.memoryUsage().rss - before);
  }
  await bus.close();
  expect(most).toBeLessThan(100 * 2 ** 20);
}, 60_000);
