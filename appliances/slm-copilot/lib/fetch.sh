# shellcheck shell=bash
# Installs packages, and downloads large files that are missing.
#
# vmbuild downloads and verifies the engine, its backend and the model on the host, and uploads
# them. Without vmbuild they are downloaded here, with retries and resumption, and verified.

SLM_ENGINE_VERSION=${SLM_ENGINE_VERSION:-v3.11.0}
SLM_ENGINE_URL=${SLM_ENGINE_URL:-https://github.com/mudler/LocalAI/releases/download/$SLM_ENGINE_VERSION}
SLM_MODEL_URL=${SLM_MODEL_URL:-https://huggingface.co/unsloth/Devstral-Small-2-24B-Instruct-2512-GGUF}
SLM_MODEL_FILE=Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf

slm_install_packages() {
  local missing=() name
  for name in nginx openssl curl jq ca-certificates certbot iproute2; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' || missing+=("$name")
  done
  ((${#missing[@]} > 0)) || return 0
  slm_say "Installing packages: ${missing[*]}"
  apt-get update -q
  # The framework's umask is 0077, but files that packages create by script must be readable.
  (umask 0022 && apt-get install -qy --no-install-recommends -o Acquire::Retries=3 "${missing[@]}")
}

# Downloads a file with retries and resumption, and renames it once it is verified.
# args: url path sha256
slm_fetch() {
  local url=$1 path=$2 sha256=$3
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || slm_die "There is no SHA-256 for $url"
  slm_say "Fetching $url"
  curl --fail --location --silent --show-error --connect-timeout 30 \
    --retry 8 --retry-all-errors --retry-delay 5 --speed-limit 1000 --speed-time 120 \
    --continue-at - --output "$path.part" "$url"
  if ! printf '%s  %s\n' "$sha256" "$path.part" | sha256sum --check --status; then
    rm -f "$path.part"
    slm_die "$url is not what its publisher's checksum says"
  fi
  mv -f "$path.part" "$path"
}

# Downloads a small text, such as a checksum file, to standard output.
slm_fetch_text() { curl --fail --location --silent --show-error --retry 5 --retry-all-errors "$1"; }

slm_fetch_engine() {
  local file=local-ai-$SLM_ENGINE_VERSION-linux-amd64 sums sha256
  sums=$(slm_fetch_text "$SLM_ENGINE_URL/LocalAI-$SLM_ENGINE_VERSION-checksums.txt")
  sha256=$(awk -v file="$file" '$2 == file || $2 == "*" file { print tolower($1) }' <<<"$sums")
  slm_fetch "$SLM_ENGINE_URL/$file" "$1" "$sha256"
}

# Downloads the model. Its SHA-256 comes from the Git LFS pointer in the repository.
slm_fetch_model() {
  local pointer sha256
  pointer=$(slm_fetch_text "$SLM_MODEL_URL/raw/main/$SLM_MODEL_FILE")
  sha256=$(sed -n 's/^oid sha256://p' <<<"$pointer")
  slm_fetch "$SLM_MODEL_URL/resolve/main/$SLM_MODEL_FILE" "$1" "$sha256"
}
