# shellcheck shell=bash
greet() { echo hello; }
