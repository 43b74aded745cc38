#!/bin/bash
# mariadb.sh start|stop|sql [STATEMENT]: a private MariaDB on loopback, data under $PEER/var/mysql.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
SOCK=$RUN/mysql.sock
case ${1:-start} in
start)
  if [ ! -d "$VAR/mysql/mysql" ]; then
    mkdir -p "$VAR/mysql"
    mariadb-install-db --no-defaults --user=root --datadir="$VAR/mysql" --auth-root-authentication-method=normal >"$LOG/mariadb-install.log" 2>&1
  fi
  start mariadb mariadbd --no-defaults --user=root --datadir="$VAR/mysql" --socket="$SOCK" \
    --pid-file="$RUN/mysqld.own.pid" --bind-address=127.0.0.1 --port="$PEER_DB_PORT" \
    --max-connections=500 --innodb-buffer-pool-size=512M --character-set-server=utf8mb3 \
    --skip-name-resolve --skip-log-bin
  for i in $(seq 150); do mariadb-admin --no-defaults -uroot -S "$SOCK" ping >/dev/null 2>&1 && break; sleep 0.2; done
  mariadb --no-defaults -uroot -S "$SOCK" -e "
    CREATE USER IF NOT EXISTS peer@'127.0.0.1' IDENTIFIED BY 'peer';
    CREATE USER IF NOT EXISTS peer@'localhost' IDENTIFIED BY 'peer';
    GRANT ALL ON *.* TO peer@'127.0.0.1'; GRANT ALL ON *.* TO peer@'localhost';
    CREATE DATABASE IF NOT EXISTS neutron; CREATE DATABASE IF NOT EXISTS keystone;" ;;
stop) stop mariadb ;;
sql) shift; mariadb --no-defaults -uroot -S "$SOCK" ${1:+-e "$1"} ;;
esac
