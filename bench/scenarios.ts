/** What is compared with what, and which ratios vmbuild is held to. */

/** At most so much of another contender's median. */
export interface Target {
  readonly contender: string;
  readonly against: string;
  readonly atMost: number;
}

/** One comparison. The first contender is the one to which the ratios refer. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly contenders: readonly { readonly id: string; readonly title: string }[];
  readonly targets: readonly Target[];
}

const PACKER = { id: "packer", title: "Packer" };
const VMBUILD = { id: "vmbuild", title: "vmbuild" };
const VIRT_CUSTOMIZE = { id: "virt-customize", title: "virt-customize" };
const BUILDERS = [PACKER, VIRT_CUSTOMIZE, VMBUILD];

const ofPacker = (atMost: number): Target => ({ contender: "vmbuild", against: "packer", atMost });

/** The builds, in the order in which vmbuild goes through them. */
export const BUILDS: readonly Scenario[] = [
  { id: "cold", title: "Cold build", contenders: BUILDERS, targets: [ofPacker(0.65)] },
  {
    id: "template",
    title: "Another template on a known base",
    contenders: BUILDERS,
    targets: [ofPacker(0.4), { contender: "vmbuild", against: "virt-customize", atMost: 1 }],
  },
  { id: "step", title: "Last step changed", contenders: BUILDERS, targets: [ofPacker(0.15)] },
  { id: "unchanged", title: "Nothing changed", contenders: BUILDERS, targets: [ofPacker(0.01)] },
];

/**
 * One of Packer's templates, unchanged. Packer's one build is of the changed template, and stands
 * for both.
 */
export const PACKER_TEMPLATE = {
  first: {
    id: "packer-template-first",
    title: "Packer's template, first run",
    contenders: [PACKER, VMBUILD],
    targets: [],
  },
  changed: {
    id: "packer-template",
    title: "Packer's template, last provisioner changed",
    contenders: [PACKER, VMBUILD],
    targets: [ofPacker(0.15)],
  },
} as const satisfies Record<string, Scenario>;

/** Writing the compressed image alone. */
export const COMPACTION: Scenario = {
  id: "compaction",
  title: "Compaction alone",
  contenders: [
    { id: "packer", title: "Packer's qemu-img convert -c" },
    { id: "vmbuild-zlib", title: "vmbuild, zlib" },
    { id: "vmbuild-zstd", title: "vmbuild, zstd" },
  ],
  targets: [
    { contender: "vmbuild-zstd", against: "packer", atMost: 0.2 },
    { contender: "vmbuild-zlib", against: "packer", atMost: 0.65 },
  ],
};

/** The two sums alone. */
export const HASHING: Scenario = {
  id: "hashing",
  title: "SHA-256 and MD5 alone",
  contenders: [{ id: "coreutils", title: "sha256sum, then md5sum" }, VMBUILD],
  targets: [{ contender: "vmbuild", against: "coreutils", atMost: 0.65 }],
};

/** All of them, in the order in which they are shown. */
export const SCENARIOS: readonly Scenario[] = [
  ...BUILDS,
  PACKER_TEMPLATE.first,
  PACKER_TEMPLATE.changed,
  COMPACTION,
  HASHING,
];

/** What vmbuild is held to beside the ratios. Milliseconds, bytes, a share of 1. */
export const LIMITS = { ownMs: 2000, peakBytes: 150e6, checkpointShare: 0.1 } as const;
