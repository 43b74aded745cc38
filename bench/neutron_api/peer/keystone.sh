#!/bin/bash
# keystone.sh [NETWORK_URL]: a real keystone on loopback from nothing (idempotent), fernet tokens;
#   registers (or repoints) the 'network' endpoint at NETWORK_URL (default http://127.0.0.1:9696).
#   KEYSTONE_DB=mariadb|sqlite (mariadb: with SQLite, two test workers already get 'database is locked' 500s)
# keystone.sh stop
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
URL=${1:-http://127.0.0.1:$PEER_NEUTRON_PORT}
KV=$PEER/keystone/bin C=$ETC/keystone K=http://127.0.0.1:$PEER_KEYSTONE_PORT
[ "$URL" = stop ] && { stop keystone; exit; }
mkdir -p "$C" "$VAR/keystone"
DB=mysql+pymysql://peer:peer@127.0.0.1:$PEER_DB_PORT/keystone?charset=utf8
if [ "${KEYSTONE_DB:-mariadb}" = sqlite ]; then DB=sqlite:///$VAR/keystone/keystone.sqlite; else "$HERE/mariadb.sh" start; fi
cat >"$C/keystone.conf" <<X
[DEFAULT]
log_dir = $LOG
log_file = keystone.log
[database]
connection = $DB
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $C/fernet-keys
[credential]
key_repository = $C/credential-keys
[fernet_receipts]
key_repository = $C/fernet-keys
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
[oslo_policy]
enforce_new_defaults = true
enforce_scope = true
X
M="$KV/keystone-manage --config-file $C/keystone.conf"
if [ ! -f "$VAR/keystone/.bootstrapped" ]; then
  $M db_sync
  $M fernet_setup --keystone-user root --keystone-group root
  $M credential_setup --keystone-user root --keystone-group root
  $M bootstrap --bootstrap-password "$OS_ADMIN_PASSWORD" --bootstrap-region-id RegionOne \
    --bootstrap-admin-url $K/v3 --bootstrap-internal-url $K/v3 --bootstrap-public-url $K/v3
  touch "$VAR/keystone/.bootstrapped"
fi
( cd "$VAR/keystone"; OS_KEYSTONE_CONFIG_DIR=$C start keystone "$KV/python" \
  "$HERE/keystone_serve.py" 127.0.0.1 "$PEER_KEYSTONE_PORT" )
wait_http $K/v3 60
"$KV/python" "$HERE/keystone_seed.py" "$K/v3" "$OS_ADMIN_PASSWORD" "$URL"
cat >"$ETC/admin.env" <<X
export OS_AUTH_URL=$K/v3 OS_USERNAME=admin OS_PASSWORD=$OS_ADMIN_PASSWORD OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
X
