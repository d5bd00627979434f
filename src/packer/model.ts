/**
 * Types of a Packer template after it is read: all expressions are evaluated, and every value knows
 * its place. HCL, HCL's JSON syntax (.pkr.json) and the older JSON templates give the same model.
 */
import type { Place } from "./hcl/source.js";
import type { Expression } from "./hcl/syntax.js";

export type { Place } from "./hcl/source.js";

/**
 * Value of an expression. Objects and maps are Maps whose keys are sorted, as in HCL; lists, tuples
 * and sets are arrays (a set is sorted, and an instance of ValueSet). A value that is known only
 * while a build runs is a string with Go template code, such as "{{ build `ID` }}" or
 * "{{ .HTTPIP }}"; `renderRuntime` renders it.
 */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;

/** Object or map. Keys are sorted. */
export type ValueMap = ReadonlyMap<string, Value>;

/** Something wrong in a template, or a warning. */
export interface PackerProblem {
  /** Sentence without the place, beginning with a capital letter. */
  readonly message: string;
  /** Undefined where a problem belongs to no file, such as a missing variable of the command line. */
  readonly place: Place | undefined;
}

/** Argument of a block: `name = expression`. */
export interface PackerAttribute {
  readonly name: string;
  readonly value: Value;
  /** The value depends on a sensitive variable or local. */
  readonly sensitive: boolean;
  /** Place of the expression. */
  readonly place: Place;
  /** Variables and locals from which the value is computed, also indirectly: `var.x`, `local.y`. */
  readonly dependsOn: readonly string[];
  /**
   * Syntax tree of the expression. Undefined in the older JSON templates, where `place.text` is the
   * JSON text with its Go template code.
   */
  readonly expression: Expression | undefined;
}

/** Block with its arguments and nested blocks. */
export interface PackerBlock {
  readonly type: string;
  readonly labels: readonly string[];
  readonly attributes: ReadonlyMap<string, PackerAttribute>;
  /**
   * Nested blocks in the order of the file; `dynamic` blocks are expanded. JSON does not
   * distinguish blocks from objects: there, nested blocks are attributes whose value is a Map, or
   * an array of Maps.
   */
  readonly blocks: readonly PackerBlock[];
  /** Place of the block's header. */
  readonly place: Place;
}

/** `data` block, of which the value has to be read. */
export interface PackerDataSource extends PackerBlock {
  /** Name in expressions, without `data.`: `http.sums`. */
  readonly name: string;
  /**
   * Arguments converted to the types of its kind. Undefined where one of them depends on another
   * data source that has no value yet, or has a problem.
   */
  readonly arguments: ReadonlyMap<string, Value> | undefined;
}

/** Value of a data source, or the problem for which it has none. */
export type PackerDataValue = { readonly value: ValueMap } | { readonly problem: string };

/** One of the plugins in `required_plugins`. */
export interface RequiredPlugin {
  readonly name: string;
  readonly source: string | undefined;
  readonly version: string | undefined;
  readonly place: Place;
}

/** Content of the `packer { … }` blocks. */
export interface PackerSettings {
  readonly requiredVersion: string | undefined;
  readonly requiredPlugins: readonly RequiredPlugin[];
}

/** Where a variable's value came from; `detail` is the file's path or the environment variable. */
export interface VariableOrigin {
  readonly kind: "default" | "environment" | "file" | "argument";
  readonly detail: string | undefined;
}

/** `validation { … }` of a variable. */
export interface VariableValidation {
  readonly condition: Expression;
  readonly conditionText: string;
  readonly errorMessage: string;
  readonly place: Place;
}

/** Variable of a template, with the value that it has in this run. */
export interface PackerVariable {
  readonly name: string;
  /** Type as written, such as `list(string)`; undefined if none is written. */
  readonly type: string | undefined;
  readonly description: string | undefined;
  readonly sensitive: boolean;
  /** Undefined if the variable must be given. */
  readonly default: Value | undefined;
  /** Environment variable that the default reads by `env(…)`, if it does. */
  readonly defaultEnvironment: string | undefined;
  readonly validations: readonly VariableValidation[];
  readonly value: Value;
  readonly origin: VariableOrigin;
  readonly place: Place;
}

/** Value in a `locals` block, or a `local "x"` block. */
export interface PackerLocal extends PackerAttribute {
  /** Declared with `sensitive = true` itself. */
  readonly declaredSensitive: boolean;
}

/** A source of a build: one image. All that depends on the source is evaluated for it. */
export interface PackerBuildSource {
  /** Type of the builder, such as `qemu`. */
  readonly type: string;
  /** Name of the source block: `x` in `qemu.x`. In older templates, the builder's name. */
  readonly name: string;
  /** Name by which the build calls it: `name` in the build's own source block, else `name`. */
  readonly localName: string;
  /** What `-only`, `-except`, `only` and `except` match: `build.qemu.x`, `qemu.x`, or an older name. */
  readonly id: string;
  /** Value of PACKER_BUILD_NAME: the local name, or the older builder's name. */
  readonly buildName: string;
  /** The source block with the build's overrides applied. */
  readonly block: PackerBlock;
  /** The block inside the build that overrides the source, if there is one. */
  readonly overrides: PackerBlock | undefined;
  /**
   * Provisioners in order. Those that `only` or `except` excludes for this source are left out, and
   * `override` is applied; these attributes are still present.
   */
  readonly provisioners: readonly PackerBlock[];
  /** `error-cleanup-provisioner`. */
  readonly errorCleanup: PackerBlock | undefined;
  /** Chains of post-processors, filtered like the provisioners. */
  readonly postProcessors: readonly (readonly PackerBlock[])[];
  /** Place of the reference to the source in the build. */
  readonly place: Place;
}

/** `build { … }`. Only its selected sources are listed. */
export interface PackerBuild {
  /** Undefined if the build has no name. */
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly sources: readonly PackerBuildSource[];
  readonly place: Place;
}

/** Syntax in which a template is written. */
export type TemplateSyntax = "hcl" | "json";

/** Whole template: all files of a folder, or one file. */
export interface PackerTemplate {
  /** `json` is the older format with `builders`; `hcl` includes .pkr.json. */
  readonly syntax: TemplateSyntax;
  /** Absolute path of the template's folder: `path.root`. */
  readonly folder: string;
  /** Absolute path of the folder in which Packer runs: `path.cwd`. */
  readonly cwd: string;
  /** Absolute paths of the files that were read, without those that functions read. */
  readonly files: readonly string[];
  /** Absolute paths of the files of variables that were read. */
  readonly variableFiles: readonly string[];
  /** Absolute paths of the files that functions such as `file` and `templatefile` read. */
  readonly readFiles: readonly string[];
  readonly packer: PackerSettings;
  readonly variables: readonly PackerVariable[];
  /** Names of the variables that have no value. */
  readonly unset: readonly string[];
  readonly locals: readonly PackerLocal[];
  readonly dataSources: readonly PackerDataSource[];
  /** All source blocks, used or not, without overrides of builds. */
  readonly sources: readonly PackerBlock[];
  readonly builds: readonly PackerBuild[];
  /** Values of sensitive variables and locals: strings that no output may show. */
  readonly secrets: readonly string[];
}

/** What a template is read with. */
export interface PackerLoadOptions {
  /** `-var NAME=VALUE`, in order. */
  readonly variables?: readonly (readonly [name: string, value: string])[] | undefined;
  /** `-var-file`, in order. */
  readonly variableFiles?: readonly string[] | undefined;
  /** Warns of values in files of variables that the template does not declare; true by default. */
  readonly warnUndeclared?: boolean | undefined;
  /**
   * Values of data sources by their names, such as `http.sums`. Attributes that depend on one that is
   * missing here are missing from the template, without a problem.
   */
  readonly data?: ReadonlyMap<string, PackerDataValue> | undefined;
  /** `-only` and `-except`: globs of source ids. */
  readonly only?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
  /** Environment for `env` and PKR_VAR_*; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Folder in which Packer would run; the current folder by default. */
  readonly cwd?: string | undefined;
  /** Time of `timestamp()`; now by default. */
  readonly now?: Date | undefined;
  /** Version that `packer.version` gives. */
  readonly packerVersion?: string | undefined;
}

/** Result of reading a template that may have problems. */
export interface PackerReading {
  /** Undefined if the problems leave nothing to work with. */
  readonly template: PackerTemplate | undefined;
  /** All problems in order of their places. */
  readonly problems: readonly PackerProblem[];
  readonly warnings: readonly PackerProblem[];
}
