#!/bin/sh
# Installs the programs that the bench compares with, from Debian's packages. As root: the bench itself does not need it.
# The packages of the servers may start them as services; the bench needs none of those and starts its own.
set -eu
apt-get update -qq
apt-get install -y --no-install-recommends vsftpd curl lftp rsync iperf3 python3-pyftpdlib
