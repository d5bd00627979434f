/** Describes for a person what did not reach a sink. */
import type { RunEvent } from "../types.js";
import { cleanText } from "./text.js";

type Finished = Pick<
  Extract<RunEvent, { type: "sink.finished" }>,
  "sink" | "delivered" | "waiting" | "lost" | "reason"
>;

const counted = (count: number): string => (count === 1 ? "1 event" : `${count} events`);

/** Returns a line about the events that a sink did not get; none when it got all of them. */
export function describeDelivery(end: Finished): string[] {
  const { sink, delivered, waiting, lost, reason } = end;
  if (waiting === 0 && lost === 0) return [];
  const parts = [
    `${counted(delivered)} delivered`,
    ...(waiting > 0 ? [`${waiting} kept for the next run or \`vmbuild deliver\``] : []),
    ...(lost > 0 ? [`${lost} lost`] : []),
  ];
  const why = reason === undefined ? "" : ` (${reason})`;
  return [cleanText(`sink ${sink}: ${parts.join(", ")}${why}`)];
}
