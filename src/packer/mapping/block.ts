/** Reads the options of a block of a Packer template, and reports what becomes of each. */
import type { PackerBlock } from "../model.js";
import type { Origin } from "./json.js";
import type { Keeper, Kept, TextKind } from "./keep.js";
import { booleanOf, isPlainObject, listOf, numberOf, textOf } from "./plain.js";
import type { Plain, PlainObject } from "./plain.js";
import type { Report } from "./report.js";
import { applyRule } from "./rules.js";
import type { Outcome } from "../../template/converted-option.js";
import type { RuleTable } from "./rules.js";
import { leftoverCode, renderKnown } from "./runtime.js";
import type { RuntimeValues } from "./runtime.js";

/** What a block is read with. */
export interface BlockContext {
  readonly keeper: Keeper;
  readonly report: Report;
  /** Name of the block in messages: `qemu.debian`, `provisioner shell`. */
  readonly subject: string;
  /** Values of Go template code. */
  readonly runtime: RuntimeValues;
  /** Options of Packer itself that are handled elsewhere, and are not reported. */
  readonly handled?: ReadonlySet<string>;
}

/** Block of a template. An option whose value is refused reads as if it were not set. */
export class BlockReader {
  readonly block: PackerBlock;
  readonly #context: BlockContext;
  readonly #rules: RuleTable;
  readonly #refused = new Set<string>();

  constructor(block: PackerBlock, rules: RuleTable, context: BlockContext) {
    this.block = block;
    this.#rules = rules;
    this.#context = context;
    this.#review();
  }

  /** Name of the block in messages. */
  get subject(): string {
    return this.#context.subject;
  }

  /** Returns whether an option is set, and not refused. */
  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** Returns the evaluated value of an option. */
  value(name: string): Plain | undefined {
    if (this.#refused.has(name)) return undefined;
    const attribute = this.block.attributes.get(name);
    if (attribute) {
      const { value } = this.#context.keeper.keep(attribute, "plain");
      return value === null ? undefined : this.#render(value);
    }
    const nested = this.block.blocks.filter(({ type }) => type === name);
    return nested.length === 0 ? undefined : nested.map((block) => this.#valuesOf(block));
  }

  text(name: string): string | undefined {
    return textOf(this.value(name));
  }

  number(name: string): number | undefined {
    return numberOf(this.value(name));
  }

  flag(name: string): boolean {
    return booleanOf(this.value(name));
  }

  list(name: string): Plain[] {
    return listOf(this.value(name));
  }

  texts(name: string): string[] {
    return this.list(name).map((item) => textOf(item) ?? "");
  }

  /** Returns an option that is an object, or the first nested block of that name. */
  object(name: string): PlainObject | undefined {
    const value = this.value(name);
    const first = Array.isArray(value) ? value[0] : value;
    return isPlainObject(first) ? first : undefined;
  }

  /** Returns the value of an option for vmbuild's template. */
  json(name: string, kind: TextKind = "plain"): Plain | undefined {
    const attribute = this.#refused.has(name) ? undefined : this.block.attributes.get(name);
    if (!attribute) {
      const value = this.value(name);
      return value;
    }
    const kept: Kept = this.#context.keeper.keep(attribute, kind);
    if (kept.isEvaluated)
      this.say(name, this.#rules[name]?.outcome ?? "mapped", this.#evaluated(name));
    return kept.json === null ? undefined : this.#render(kept.json);
  }

  /** Returns the option's text for vmbuild's template. */
  jsonText(name: string, kind: TextKind = "plain"): string | undefined {
    return textOf(this.json(name, kind));
  }

  /** Returns the option's list of texts for vmbuild's template. */
  jsonTexts(name: string, kind: TextKind = "plain"): string[] {
    return listOf(this.json(name, kind)).map((item) => textOf(item) ?? "");
  }

  isSensitive(name: string): boolean {
    return this.block.attributes.get(name)?.sensitive ?? false;
  }

  origin(name: string): Origin {
    const place = this.#placeOf(name);
    return { what: `${this.subject} ${name}`, place };
  }

  /** Reports what became of an option. */
  say(name: string, outcome: Outcome, text: string, isFatal = false): void {
    const { report, subject } = this.#context;
    if (outcome === "refused") this.#refused.add(name);
    const place = this.#placeOf(name);
    report.add({
      place,
      subject: `${subject} ${name}`,
      outcome,
      text,
      ...(isFatal && { isFatal }),
    });
  }

  #placeOf(name: string) {
    const nested = this.block.blocks.find(({ type }) => type === name);
    return this.block.attributes.get(name)?.place ?? nested?.place ?? this.block.place;
  }

  #evaluated(name: string): string {
    const { text = "" } = this.#rules[name] ?? {};
    return `${text} (evaluated, because vmbuild has no such expression)`;
  }

  #review(): void {
    const nested = this.block.blocks.map(({ type }) => type);
    for (const name of new Set([...this.block.attributes.keys(), ...nested])) {
      if (this.#context.handled?.has(name)) continue;
      const value = this.value(name) ?? null;
      const { outcome, text } = applyRule(this.#rules[name], value);
      this.say(name, outcome, text);
    }
  }

  #valuesOf(block: PackerBlock): PlainObject {
    const own = [...block.attributes.values()].map((attribute): [string, Plain] => [
      attribute.name,
      this.#render(this.#context.keeper.keep(attribute, "plain").value),
    ]);
    const inner = block.blocks.map((one): [string, Plain] => [one.type, [this.#valuesOf(one)]]);
    return Object.fromEntries([...own, ...inner]);
  }

  #render(value: Plain): Plain {
    if (typeof value === "string") return renderKnown(value, this.#context.runtime);
    if (Array.isArray(value)) return value.map((item) => this.#render(item));
    if (!isPlainObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.#render(item)]),
    );
  }
}

/** Reports Go template code that has no value in a text. */
export function refuseLeftover(reader: BlockReader, name: string, texts: readonly string[]): void {
  for (const text of texts) {
    const code = leftoverCode(text);
    if (code === undefined) continue;
    reader.say(name, "refused", `${code} has no value in vmbuild; write the value itself`);
    return;
  }
}
