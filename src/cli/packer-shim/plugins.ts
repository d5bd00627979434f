/** Which of Packer's plugins vmbuild stands in for. */
import { BUILDERS } from "../../packer/mapping/builders/registry.js";
import { POST_PROCESSORS } from "../../packer/mapping/post-processors/registry.js";
import { PROVISIONERS } from "../../packer/mapping/provisioners/registry.js";
import type { RequiredPlugin } from "../../packer/model.js";

/** Returns the source of a plugin, such as `github.com/hashicorp/qemu`. */
export function sourceOf({ name, source }: Pick<RequiredPlugin, "name" | "source">): string {
  return source ?? `github.com/hashicorp/${name}`;
}

/**
 * Tells if vmbuild does the work of a plugin: a plugin's components are named after it, such as
 * `ansible` and `ansible-local`.
 */
export function isBuiltIn(source: string): boolean {
  const name = source.split("/").at(-1) ?? "";
  return [...BUILDERS, ...PROVISIONERS, ...POST_PROCESSORS].some(
    (component) => component.name === name || component.name.startsWith(`${name}-`),
  );
}
