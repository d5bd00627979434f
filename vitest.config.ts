import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";

const here = fileURLToPath(new URL(".", import.meta.url));

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // The bench imports the compiled vmbuild; its tests do not wait for a compile.
        resolve: {
          alias: [{ find: /^\.\.\/dist\/(.+)\.js$/, replacement: `${here}src/$1.ts` }],
        },
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 10_000,
          // Nearly all the time goes into loading modules: once for each worker, not for each file.
          isolate: false,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          // Other work on the host must not fail them.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Most of the time is spent waiting for programs. Vitest itself leaves one core free, and
          // so would run one file at a time on a host of two cores.
          maxWorkers: Math.max(2, availableParallelism() - 1),
        },
      },
      {
        // Root file systems of Debian, made by mmdebstrap and entered without a machine.
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: "test/e2e/setup.ts",
          // Guests run under emulation, on hosts of two cores.
          testTimeout: 1_200_000,
          hookTimeout: 900_000,
          maxWorkers: 2,
        },
      },
      {
        // Further guests, for which the hour that all tests may take has no room. Run by name, after
        // changes of what they test: `make test PROJECTS=e2e-more`.
        test: {
          name: "e2e-more",
          include: ["test/e2e-more/**/*.test.ts"],
          globalSetup: "test/e2e/setup.ts",
          testTimeout: 1_200_000,
          hookTimeout: 900_000,
          maxWorkers: 2,
        },
      },
      {
        // Guests whose builds take too long for every run of the tests. They are run by name:
        // `make test PROJECTS=slow`.
        test: {
          name: "slow",
          include: ["test/slow/**/*.test.ts"],
          globalSetup: "test/e2e/setup.ts",
          testTimeout: 2 * 3_600_000,
          hookTimeout: 900_000,
          maxWorkers: 1,
        },
      },
      {
        // Whole installations with the installers of operating systems. They take too long for
        // every run of the tests, and are run by name: `make test PROJECTS=installer`.
        test: {
          name: "installer",
          include: ["test/installer/**/*.test.ts"],
          testTimeout: 3 * 3_600_000,
          hookTimeout: 900_000,
        },
      },
      {
        // Bases and guests of another architecture than the host's, emulated twice: while the base
        // is created, and in the machine. Run by name: `make test PROJECTS=foreign`.
        test: {
          name: "foreign",
          include: ["test/foreign/**/*.test.ts"],
          testTimeout: 1_800_000,
          hookTimeout: 3_600_000,
        },
      },
      {
        // What `npm pack` makes of dist/, which has to be up to date.
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
