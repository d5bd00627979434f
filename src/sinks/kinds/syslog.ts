/** Defines the sink that sends events to a syslog server. */
import { z } from "zod";
import { LocalTransport } from "../syslog/local.js";
import { WITHOUT_OUTPUT, commonSinkFields, defineSinkKind } from "../kind.js";
import type { OpenSink, SinkContext } from "../kind.js";
import { FACILITIES, messageText, priorityOf, syslogMessage } from "../syslog/message.js";
import { TcpTransport } from "../syslog/tcp.js";
import { parseSyslogAddress, syslogAddress } from "../syslog/transport.js";
import type { SyslogAddress } from "../syslog/transport.js";
import { UdpTransport } from "../syslog/udp.js";

/** Longest messages: what receivers should accept (RFC 5424, section 6.1), and what they do. */
const LIMITS = { udp: 2048, tcp: 8192, unix: 8192 } as const;

const schema = z
  .strictObject({
    syslog: syslogAddress,
    facility: z.enum(FACILITIES).default("user").describe("facility of the messages"),
    tag: z
      .string()
      .regex(/^[!-~]{1,48}$/, "a tag consists of 1 to 48 printable ASCII characters")
      .default("vmbuild")
      .describe("name of the application in the messages"),
    format: z
      .enum(["rfc5424", "local"])
      .default("rfc5424")
      .describe(
        "form of the messages: rfc5424, or local, the older form that systemd-journald understands at unix:/dev/log",
      ),
    ...commonSinkFields,
  })
  .refine(({ syslog: address, format }) => format === "rfc5424" || address.startsWith("unix:"), {
    path: ["format"],
    message: '"local" is for unix sockets only',
  })
  .describe("sends events to a syslog server (RFC 5424)");

type Settings = z.infer<typeof schema>;

function openLocal(path: string, settings: Settings, { onProblem }: SinkContext): OpenSink {
  const { tag, format } = settings;
  const facility = FACILITIES.indexOf(settings.facility);
  const transport = new LocalTransport({ path, tag, format, limit: LIMITS.unix }, onProblem);
  return {
    take: (event) => transport.send(priorityOf(event, facility), messageText(event)),
    finish: async () => ({ ...(await transport.close()), waiting: 0 }),
  };
}

function openRemote(
  address: Exclude<SyslogAddress, { scheme: "unix" }>,
  { facility: name, tag }: Settings,
  { onProblem }: SinkContext,
): OpenSink {
  const facility = FACILITIES.indexOf(name);
  const { scheme } = address;
  const transport =
    scheme === "udp" ? new UdpTransport(address, onProblem) : new TcpTransport(address, onProblem);
  return {
    take: (event) => transport.send(syslogMessage(event, { facility, tag, limit: LIMITS[scheme] })),
    finish: async () => ({ ...(await transport.close()), waiting: 0 }),
  };
}

/** Sink that sends events to a syslog server. */
export const syslog = defineSinkKind<Settings>({
  name: "syslog",
  form: "{syslog}",
  schema,
  defaultEvents: WITHOUT_OUTPUT,
  keepsEvents: false,
  settingsOf: (text) => ({ syslog: text }),
  secrets: () => [],
  describe: ({ syslog: address }) => address,
  // eslint-disable-next-line require-await -- The interface is one of promises.
  async open(settings, context) {
    const address = parseSyslogAddress(settings.syslog);
    if (!address) throw new Error(`${settings.syslog} is not an address`);
    return address.scheme === "unix"
      ? openLocal(address.path, settings, context)
      : openRemote(address, settings, context);
  },
});
