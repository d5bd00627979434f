/** Serves OCI images from a test's file server. */
import type { FileServer } from "./http-server.js";
import { hexOf } from "./inputs.js";

/** Served image. */
export interface ServedImage {
  /** `127.0.0.1:PORT/REPOSITORY:TAG`. */
  readonly name: string;
  /** `127.0.0.1:PORT/REPOSITORY@sha256:…`, with the digest of the index. */
  readonly pinned: string;
  /** Paths on the server. */
  readonly manifest: string;
  readonly blobs: readonly string[];
}

/**
 * Serves an image with these layers (gzipped tar files) for linux and the architecture.
 * @param name `REPOSITORY:TAG`.
 */
export function serveImage(
  server: FileServer,
  name: string,
  layers: readonly Buffer[],
  architecture = "amd64",
): ServedImage {
  const [repository = "", tag = "latest"] = name.split(":");
  const root = `/v2/${repository}`;
  const put = (kind: string, value: unknown): { digest: string; path: string } => {
    const content = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    const digest = `sha256:${hexOf("sha256", content)}`;
    const path = `${root}/${kind}/${digest}`;
    server.serve(path, content);
    return { digest, path };
  };
  const blobs = layers.map((layer) => put("blobs", layer));
  const manifest = put("manifests", {
    schemaVersion: 2,
    layers: blobs.map(({ digest }) => ({ digest })),
  });
  const platform = { os: "linux", architecture };
  const index = { schemaVersion: 2, manifests: [{ digest: manifest.digest, platform }] };
  const { digest } = put("manifests", index);
  server.serve(`${root}/manifests/${tag}`, Buffer.from(JSON.stringify(index)));
  const host = server.origin.replace("http://", "");
  return {
    name: `${host}/${repository}:${tag}`,
    pinned: `${host}/${repository}@${digest}`,
    manifest: `${root}/manifests/${tag}`,
    blobs: blobs.map(({ path }) => path),
  };
}
