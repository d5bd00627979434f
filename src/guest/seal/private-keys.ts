/**
 * Finds SSH private keys in the image. All machines made from it share them, which is wanted only
 * where the template declares them in `seal.keep`.
 */
import { shellQuote } from "../../host/programs.js";
import { forEachHome } from "./homes.js";

/** Prefixes of the lines that the shell script prints. */
const MARKS = { kept: "vmbuild-kept-key ", missing: "vmbuild-missing-key ", other: "vmbuild-key " };

/** Returns shell code that sets `$kept` to the declared paths, each between line breaks. */
export function declareKept(keep: readonly string[]): string {
  return `kept=${shellQuote(`\n${keep.join("\n")}\n`)}`;
}

/**
 * Returns the shell script that prints the private keys of the image: the declared ones with their
 * fingerprint, those that are missing, and others in the folders `.ssh`. It needs `$homes` and
 * `$kept`.
 */
export function findPrivateKeys(keep: readonly string[]): string {
  const declared = keep.map((path) => `report_kept ${shellQuote(path)}`);
  return `
is_private_key() {
  [ -f "$1" ] && head -n 1 "$1" 2>/dev/null | grep -q '^-----BEGIN .*PRIVATE KEY-----'
}
report_kept() {
  if is_private_key "$1"; then
    printf '${MARKS.kept}%s\\t%s\\n' "$1" "$(ssh-keygen -l -f "$1" 2>/dev/null | head -n 1)"
  else
    printf '${MARKS.missing}%s\\n' "$1"
  fi
}
${declared.join("\n")}
${forEachHome(`
  for file in "$home"/.ssh/*; do
    case $kept in *"
$file
"*) continue ;; esac
    ! is_private_key "$file" || printf '${MARKS.other}%s\\n' "$file"
  done`)}
`;
}

/** What the script found. */
interface PrivateKeys {
  /** Sentences about the declared keys. */
  readonly notes: readonly string[];
  /** Declared keys that the image does not hold, as sentences without a full stop. */
  readonly missing: readonly string[];
  readonly warnings: readonly { readonly message: string; readonly hint: string }[];
}

/** Returns the rest of each line that begins with a mark. */
function marked(lines: readonly string[], mark: string): string[] {
  return lines.flatMap((line) => (line.startsWith(mark) ? [line.slice(mark.length)] : []));
}

/** Reads the lines that the script printed. Pure. */
export function readPrivateKeys(lines: readonly string[]): PrivateKeys {
  return {
    notes: marked(lines, MARKS.kept).map((line) => {
      const [path = "", fingerprint = ""] = line.split("\t");
      const shown = fingerprint === "" ? path : `${path} (${fingerprint})`;
      return `All machines made from the image share the private key ${shown}, as seal.keep declares`;
    }),
    missing: marked(lines, MARKS.missing).map(
      (path) => `${path}: seal.keep declares a private key, and there is none`,
    ),
    warnings: [...new Set(marked(lines, MARKS.other))].map((path) => ({
      message: `The image contains the private key ${path}, which all machines made from it will share`,
      hint: "Remove it in the last step, or declare it in seal.keep if it is meant to be there.",
    })),
  };
}
