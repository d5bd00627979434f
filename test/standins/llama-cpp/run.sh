#!/bin/sh
# STAND-IN for the start script of LocalAI's backend for llama.cpp: only its being there matters.
echo 'standin: no inference here' >&2
exit 1
