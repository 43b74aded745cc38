#!/bin/bash
# Ends what up.sh started, by the process numbers that it kept; what is installed stays.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$HERE/neutron.sh" stop
"$HERE/keystone.sh" stop
stop memcached
"$HERE/rabbitmq.sh" stop
"$HERE/mariadb.sh" stop
