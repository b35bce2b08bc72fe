#!/bin/sh
# Install Debian's Chromium, and what reads a PDF, for the browser tests. Quiet, and never a failure: a machine
# without apt-get, without root or without its archive skips these tests.
command -v chromium >/dev/null 2>&1 && exit 0
command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] || exit 0

export DEBIAN_FRONTEND=noninteractive
options='-q -y -o Acquire::Retries=1 -o Acquire::http::Timeout=20'
# shellcheck disable=SC2086
{
    timeout 120 apt-get $options update &&
        timeout 300 apt-get $options install --no-install-recommends chromium poppler-utils fonts-dejavu-core
} >/dev/null 2>&1
exit 0
