/** Generates the encoded forms in which a secret may appear in logs. */

/** Shorter forms would mask ordinary text. */
const MIN_DERIVED_FORM_LENGTH = 5;
/** Line lengths of base64: coreutils and MIME, PEM. */
const BASE64_LINES = [76, 64];

/**
 * Returns every form of a secret that is masked: unchanged, quoted for a shell, JSON or a URL, in
 * base64 at any alignment and wrapped, and line by line if it has several lines.
 */
export function formsOfSecret(value: string): string[] {
  // Lone surrogates cannot be encoded; output contains replacement characters instead.
  const secret = Buffer.from(value, "utf8").toString("utf8");
  const trimmed = secret.trim();
  const lines = secret.split(/\r\n|\n|\r/);
  const derived = [
    ...new Set([secret, trimmed, ...lines, ...lines.map((line) => line.trim())]),
  ].flatMap((text) => [text, ...quotedForms(text)]);
  return [
    ...new Set([
      ...[secret, trimmed].filter((form) => form !== ""),
      ...[...derived, ...base64Forms(secret), ...base64Forms(trimmed)].filter(
        (form) => form.trim().length >= MIN_DERIVED_FORM_LENGTH,
      ),
    ]),
  ];
}

function quotedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const percent = encodeURIComponent(text);
  const strict = percent.replace(/[!'()*~]/g, hexEscape);
  return [
    // bash -x, shellQuote, and the other common way to quote a single quote.
    text.replaceAll("'", `'\\''`),
    text.replaceAll("'", `'"'"'`),
    // Inside double quotes.
    text.replace(/(["$`\\])/g, "\\$1"),
    // `printf %q`: every ASCII character that is special in a shell (bash 5.2).
    text.replace(/([ !"#$&'()*,;<=>?[\\\]^`{|}~])/g, "\\$1"),
    text.replace(/([ !"$&'()*,;<>?[\\\]^`{|}])/g, "\\$1"),
    // $'…'
    text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t"),
    json,
    // JSON inside JSON.
    JSON.stringify(json).slice(1, -1),
    // Default escapes of Go and Python.
    json.replace(/[<>&]/g, unicodeEscape),
    json.replace(/[\u0080-\uffff]/g, unicodeEscape),
    percent,
    strict,
    strict.replaceAll("%20", "+"),
    percent.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    strict.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
  ];
}

function hexEscape(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Returns the characters of a base64 text that depend only on `value`, for each of the 3
 * alignments.
 */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value, "utf8");
  const stable = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor(((shift + bytes.length) * 8) / 6);
    return encoded.slice(first, last);
  });
  const whole = stable[0] ?? "";
  const wrapped = BASE64_LINES.filter((columns) => whole.length > columns).flatMap((columns) =>
    Array.from({ length: Math.ceil(whole.length / columns) }, (_, line) =>
      whole.slice(line * columns, (line + 1) * columns),
    ),
  );
  return [...stable, ...wrapped].flatMap((form) => [
    form,
    form.replaceAll("+", "-").replaceAll("/", "_"),
  ]);
}
