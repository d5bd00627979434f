#!/usr/bin/env bash
# SLM-Copilot for OpenNebula: a coding model with an OpenAI-compatible API that runs on CPUs.
#
# one-apps' `service` sources this file and calls one stage at a time:
#   service_install     once, while the image is built: installs everything that needs a download
#   service_configure   at every boot: applies the context, and changes only what differs
#   service_bootstrap   at every boot, afterwards: starts the service, waits for an answer, reports
# The framework's umask is 0077, so modes and owners of files are set explicitly. Each stage runs in
# a subshell with `set -euo pipefail`, because the framework itself fails under `set -u`.
# shellcheck disable=SC2034 # The framework reads ONE_SERVICE_*.

ONE_SERVICE_NAME='SLM-Copilot'
ONE_SERVICE_VERSION='1.0.0'
ONE_SERVICE_BUILD='0'
ONE_SERVICE_SHORT_DESCRIPTION='A coding assistant of your own, on CPUs alone'
ONE_SERVICE_DESCRIPTION='Devstral Small 2 served by LocalAI behind nginx: an OpenAI-compatible API
over HTTPS, made for Cline and other coding agents. Nothing leaves the machine.'
# Allows service_configure to run at every boot; otherwise it fails from the second boot on.
ONE_SERVICE_RECONFIGURABLE=true

# Four words each: name, stage, description, user input (empty for rarely used parameters).
ONE_SERVICE_PARAMS=(
  ONEAPP_COPILOT_PASSWORD configure 'Password of the user copilot; made and kept unless given' 'O|password'
  ONEAPP_COPILOT_API_KEY configure 'Key for "Authorization: Bearer"; the password unless given' 'O|password'
  ONEAPP_COPILOT_THREADS configure 'CPU threads; all of them unless given' 'O|number'
  ONEAPP_COPILOT_CONTEXT_SIZE configure 'Context size in tokens; what fits into memory unless given' 'O|number'
  ONEAPP_COPILOT_DOMAIN configure "Name of this machine on the internet; gets a Let's Encrypt certificate" 'O|text'
  ONEAPP_COPILOT_ACME_EMAIL configure "Address for Let's Encrypt's notices" 'O|text'
  ONEAPP_COPILOT_ACME_SERVER configure "Another ACME directory than Let's Encrypt's" ''
  ONEAPP_COPILOT_TLS_CERT configure 'Certificate and chain, PEM or base64 of it' 'O|text64'
  ONEAPP_COPILOT_TLS_KEY configure 'Its private key, PEM or base64 of it' 'O|text64'
  ONEAPP_COPILOT_READY_TIMEOUT bootstrap 'Seconds that the model may take to answer; 1800 unless given' ''
)

# Removes the framework's log pipe, which remains after a power failure during a stage. The
# framework could not create it again, and the configuration at the next boot would fail. While the
# framework's lock is held, no other process uses the pipe.
if [[ ${_SERVICE_LOCK:-} == "$0" ]]; then rm -f "$ONE_SERVICE_LOGDIR/one_service_log.pipe"; fi

SLM_PARTS="$(dirname "${BASH_SOURCE[0]}")/slm-copilot"
for slm_part in common context settings fetch engine credentials tls web report; do
  # shellcheck source=/dev/null
  . "$SLM_PARTS/lib/$slm_part.sh"
done
unset slm_part

service_install() (
  slm_strict install
  slm_read_settings
  slm_install_packages
  slm_create_user
  slm_install_engine
  slm_install_model
  slm_install_web
  slm_prewarm
  slm_say 'Installed'
)

service_configure() (
  slm_strict configure
  slm_mend_environment
  # Validates all settings before anything is changed.
  slm_read_settings
  slm_configure_engine
  slm_configure_credentials
  slm_configure_tls
  slm_configure_web
  slm_say 'Configured'
)

service_bootstrap() (
  slm_strict bootstrap
  slm_read_settings
  slm_decide_password
  slm_write_report 'starting (if it stays so: /var/log/one-appliance/bootstrap.log)'
  # The engine comes first: nginx.service wants it, and an engine that nginx started with the previous
  # configuration could answer before it is restarted.
  slm_start_engine
  slm_start_web
  slm_obtain_certificate
  slm_wait_until_ready "$SLM_READY_TIMEOUT"
  slm_ask_through_web
  slm_write_report ready
  slm_say 'Ready'
)

service_help() {
  default_service_help
}

# Called at the end of every stage, also after a failure.
service_cleanup() {
  rm -rf "$SLM_SCRATCH"
  slm_serve_as_before
}
