# shellcheck shell=bash
# LocalAI, its llama.cpp backend, and the model.

SLM_MODEL=devstral-small-2
SLM_MODEL_PATH=$SLM_HOME/models/$SLM_MODEL_FILE
SLM_ENGINE=http://127.0.0.1:8080
SLM_ENGINE_ENV=$SLM_ETC/local-ai.env
# Memory for one token of context: 40 layers, 8 key-value heads of dimension 128, two bytes each,
# for keys and values. Bytes.
SLM_BYTES_PER_TOKEN=$((2 * 40 * 8 * 128 * 2))

slm_create_user() {
  if ! getent passwd "$SLM_USER" >/dev/null; then
    useradd --system --user-group --home-dir "$SLM_STATE" --no-create-home \
      --shell /usr/sbin/nologin "$SLM_USER"
  fi
  install -d -m 0750 -o "$SLM_USER" -g "$SLM_USER" "$SLM_STATE"
}

slm_install_engine() {
  local engine=$SLM_HOME/bin/local-ai backends=$SLM_HOME/backends given=$SLM_HOME/payload/llama-cpp
  [[ -s $engine ]] || slm_fetch_engine "$engine"
  chown root:root "$engine"
  chmod 0755 "$engine"
  if [[ ! -e $backends/llama-cpp ]]; then
    slm_say 'Installing the llama-cpp backend'
    # The unit passes the same path to `run`; the commands have different defaults.
    if [[ -d $given ]]; then
      "$engine" backends install "$given" llama-cpp --backends-path "$backends"
    else
      "$engine" backends install llama-cpp --backends-path "$backends"
    fi
    rm -rf "$SLM_HOME/payload"
  fi
  [[ -n $(find "$backends" -name run.sh -print -quit) ]] || slm_die 'The llama-cpp backend is not there'
  chown -R root:root "$backends"
  chmod -R u=rwX,go=rX "$backends"
  find "$backends" -name run.sh -exec chmod 0755 {} +
  slm_put /etc/systemd/system/local-ai.service 0644 root:root <"$SLM_FILES/local-ai.service"
  systemctl daemon-reload
  # Starts at boot from the second boot on; before, its configuration does not exist.
  systemctl enable local-ai.service
}

slm_install_model() {
  [[ -s $SLM_MODEL_PATH ]] || slm_fetch_model "$SLM_MODEL_PATH"
  [[ $(head -c 4 "$SLM_MODEL_PATH") == GGUF ]] || slm_die "$SLM_MODEL_PATH is not a GGUF file"
  chown root:root "$SLM_MODEL_PATH"
  chmod 0644 "$SLM_MODEL_PATH"
}

# Prints the context size that fits into memory together with the model and 1 GiB for the system.
slm_fitting_context() {
  local memory model room size
  # The shell multiplies, because mawk prints large products with an exponent.
  memory=$(($(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) * 1024))
  model=$(stat -c %s "$SLM_MODEL_PATH")
  room=$(((memory - model - (1 << 30)) / SLM_BYTES_PER_TOKEN))
  for size in 32768 16384 8192 4096; do
    if ((room >= size)); then
      echo "$size"
      return
    fi
  done
  echo 2048
}

# Writes both configuration files. Sets SLM_CHANGED to whether one of them changed.
# args: threads context
slm_put_engine_files() {
  local changed
  slm_put "$SLM_HOME/models/$SLM_MODEL.yaml" 0644 root:root <<END
name: $SLM_MODEL
backend: llama-cpp
parameters:
  model: $SLM_MODEL_FILE
context_size: $2
threads: $1
mmap: true
known_usecases:
  - chat
function:
  grammar:
    disable: true
template:
  use_tokenizer_template: true
options:
  - use_jinja:true
END
  changed=$SLM_CHANGED
  # Settings that never change are in the unit.
  slm_put "$SLM_ENGINE_ENV" 0600 root:root <<END
LOCALAI_THREADS=$1
LOCALAI_CONTEXT_SIZE=$2
END
  if $changed; then SLM_CHANGED=true; fi
}

slm_configure_engine() {
  local threads context
  threads=$((10#${SLM_THREADS:-$(nproc)}))
  context=$((10#${SLM_CONTEXT_SIZE:-$(slm_fitting_context)}))
  if ((threads > $(nproc))); then
    slm_warn "ONEAPP_COPILOT_THREADS is $threads, and this machine has $(nproc) CPUs: that slows it down"
  fi
  if ((context > $(slm_fitting_context))); then
    slm_warn "A context of $context tokens may not fit into this machine's memory"
  fi
  slm_put_engine_files "$threads" "$context"
  if $SLM_CHANGED; then touch "$SLM_RUN/restart-engine"; fi
  slm_say "Engine: $threads threads, a context of $context tokens"
}

slm_start_engine() {
  systemctl reset-failed local-ai.service 2>/dev/null || true
  if [[ -e $SLM_RUN/restart-engine ]] || ! systemctl is-active --quiet local-ai.service; then
    systemctl restart local-ai.service
    rm -f "$SLM_RUN/restart-engine"
    slm_say 'LocalAI is started'
  fi
}

# args: reason
slm_engine_failed() {
  # The next attempt restarts the engine, whatever its state is.
  touch "$SLM_RUN/restart-engine"
  slm_error "$1; LocalAI's last lines:"
  journalctl --unit local-ai.service --lines 40 --no-pager --output cat >&2 || true
  exit 1
}

# args: seconds
slm_wait_until_ready() {
  local deadline=$((SECONDS + 10#$1)) status restarts
  slm_say 'Waiting for LocalAI'
  while :; do
    # The endpoint answers 200 without a body, or 503 while the model is loaded.
    status=$(curl --silent --output /dev/null --max-time 10 --write-out '%{http_code}' "$SLM_ENGINE/readyz" || true)
    [[ $status != 200 ]] || return 0
    restarts=$(systemctl show --property NRestarts --value local-ai.service)
    if systemctl is-failed --quiet local-ai.service || ((restarts >= 3)); then
      slm_engine_failed 'LocalAI keeps ending'
    fi
    if ((SECONDS >= deadline)); then
      slm_engine_failed "LocalAI was not ready within $1 s (/readyz says $status)"
    fi
    sleep 0.5
  done
}

# Requests a completion, which is the only proof that the model works.
# args: description, then arguments for curl
slm_complete() {
  local what=$1 answer
  shift
  jq -n --arg model "$SLM_MODEL" \
    '{model: $model, max_tokens: 8, messages: [{role: "user", content: "Say hello in one word"}]}' \
    >"$SLM_SCRATCH/request.json"
  if ! answer=$(curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' \
    --data "@$SLM_SCRATCH/request.json" "$@" 2>&1); then
    slm_engine_failed "$what: no completion: ${answer:0:500}"
  fi
  jq -e '.choices[0].message.content | strings | length > 0' <<<"$answer" >/dev/null 2>&1 ||
    slm_engine_failed "$what: the completion has no text: ${answer:0:500}"
}

# Tests the model with the unit that instances use. Fails the build if the model does not answer.
slm_prewarm() {
  slm_say 'Trying the model with one completion'
  slm_put_engine_files "$(nproc)" 2048
  systemctl start local-ai.service
  slm_wait_until_ready "$SLM_READY_TIMEOUT"
  slm_complete 'Trying the model' --max-time "$SLM_READY_TIMEOUT" "$SLM_ENGINE/v1/chat/completions"
  systemctl stop local-ai.service
  rm -f "$SLM_ENGINE_ENV" "$SLM_HOME/models/$SLM_MODEL.yaml"
  find "$SLM_STATE" -mindepth 1 -delete
  slm_say 'The model answers'
}
