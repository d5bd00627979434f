/** Packs collected patches in a tree as vmbuild packs them, and makes wheels for them. */
import type { Tree } from "./tree.js";

/** Key that signs packages and archives in trees, by its user id. */
const SIGNER = "test@example.org";

/**
 * Packs a folder of the tree as an archive with one folder.
 * @param change shell code that changes the content of that folder before it is packed.
 * @returns the sha256 of the archive.
 */
export async function packPatches(
  tree: Tree,
  { folder, archive, change = "true" }: { folder: string; archive: string; change?: string },
): Promise<string> {
  const output = await tree.ask(`set -e
    rm -rf /tmp/pack; mkdir -p /tmp/pack; cp -r ${folder} /tmp/pack/demo-patches
    cd /tmp/pack/demo-patches; ${change}
    tar --format=gnu -C /tmp/pack -czf ${archive} demo-patches
    sha256sum <${archive} | cut -d ' ' -f 1`);
  return output.trim();
}

/** Shell code that signs the content of an archive, in its folder. */
export const SIGN = `gpg --batch --quiet --yes --local-user ${SIGNER} --armor --detach-sign SHA256SUMS`;

/** Shell code that sums the content of an archive again, in its folder. */
export const SUM =
  "rm SHA256SUMS; find . -type f -printf '%P\\0' | sort -z | xargs -0 sha256sum >/tmp/sums; cp /tmp/sums SHA256SUMS";

/** Makes a folder with the wheels `one` 1.0, which needs `two`, and `two` 2.0 and 1.9. */
export async function makeWheels(tree: Tree, folder: string): Promise<void> {
  await tree.ask(`mkdir -p ${folder}
cat >/tmp/wheels.py <<'PYTHON'
import sys, zipfile
def wheel(folder, name, version, requires):
    info = f"{name}-{version}.dist-info/"
    with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as out:
        out.writestr(f"{name}.py", f"VERSION = '{version}'\\n")
        out.writestr(info + "METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n" + requires)
        out.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        out.writestr(info + "RECORD", "")
wheel(sys.argv[1], "one", "1.0", "Requires-Dist: two\\n")
wheel(sys.argv[1], "two", "1.9", "")
wheel(sys.argv[1], "two", "2.0", "")
PYTHON
python3 /tmp/wheels.py ${folder}`);
}
