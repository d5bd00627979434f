# shellcheck shell=bash
set -o pipefail
