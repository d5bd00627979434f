/** Defines the supported digest algorithms: their lengths, their names and their order. */

/** Supported algorithms, strongest first, with the number of hexadecimal digits. */
export const ALGORITHMS = {
  sha512: 128,
  "sha3-512": 128,
  blake2b: 128,
  sha384: 96,
  "sha3-384": 96,
  sha256: 64,
  "sha3-256": 64,
  "sha512-256": 64,
  blake2s: 64,
  sm3: 64,
  sha224: 56,
  "sha3-224": 56,
  sha1: 40,
  rmd160: 40,
  md5: 32,
} as const;

/** Name of a digest algorithm. */
export type Algorithm = keyof typeof ALGORITHMS;

/** All algorithms, strongest first. */
export const STRONGEST_FIRST = Object.keys(ALGORITHMS) as Algorithm[];

/** Algorithms in which a template can give a checksum. */
export const TEMPLATE_ALGORITHMS: readonly Algorithm[] = [
  "sha512",
  "blake2b",
  "sha384",
  "sha256",
  "sha224",
  "sha1",
  "md5",
];

const OPENSSL_NAMES: Partial<Record<Algorithm, string>> = {
  blake2b: "blake2b512",
  blake2s: "blake2s256",
  rmd160: "ripemd160",
};

/** Returns the name of an algorithm in Node's crypto module. */
export function cryptoName(algorithm: Algorithm): string {
  return OPENSSL_NAMES[algorithm] ?? algorithm;
}

/** Other spellings of each algorithm, in lower case and without punctuation. */
const ALIASES: Readonly<Record<string, Algorithm>> = {
  sha2512: "sha512",
  sha2384: "sha384",
  sha2256: "sha256",
  sha2224: "sha224",
  sha3512: "sha3-512",
  sha3384: "sha3-384",
  sha3256: "sha3-256",
  sha3224: "sha3-224",
  sha512256: "sha512-256",
  blake2b512: "blake2b",
  blake2: "blake2b",
  b2: "blake2b",
  blake2s256: "blake2s",
  ripemd160: "rmd160",
  rmd: "rmd160",
};

/**
 * Returns the algorithm for a tag such as `SHA256`, `SHA2-256` (OpenSSL 3), `sha512sum` or
 * `BLAKE2B`.
 */
export function algorithmOfTag(tag: string): Algorithm | undefined {
  const name = tag
    .toLowerCase()
    .replaceAll(/[-_/\s]/g, "")
    .replace(/sums?$/, "");
  return STRONGEST_FIRST.find((algorithm) => algorithm === name) ?? ALIASES[name];
}

/** Algorithms that occur in checksum files but are not supported. */
const UNSUPPORTED =
  /^(whirlpool|tiger|blake3|b3|blake2b-?(128|160|224|256|384)|blake2s-?128|md4|md2|sha|sha0|sha512-?224|crc(32|64)?[a-z]?|cksum|gost|streebog-?(256|512)|skein\d*|xxh\w+|k12|shake\d+|adler32)$/i;

/** Returns whether the word names an algorithm that is not supported. */
export function isUnsupportedTag(tag: string): boolean {
  return UNSUPPORTED.test(tag.replace(/sums?$/i, ""));
}

/**
 * Returns the algorithms whose digests have that many hexadecimal digits, the most common first.
 */
export function algorithmsOfLength(length: number): Algorithm[] {
  // Files with these algorithms always state the algorithm.
  const unusual: readonly Algorithm[] = ["sha512-256", "sm3"];
  return STRONGEST_FIRST.filter(
    (algorithm) => ALGORITHMS[algorithm] === length && !unusual.includes(algorithm),
  );
}
