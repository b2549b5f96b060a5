#!/bin/bash
# Runs once, when the data folder is new: Temporal gets a user of its own that may do nothing with Slipway's tables.
set -euo pipefail
: "${TEMPORAL_DB_PASSWORD:?}"

mysql --user=root --password="$MYSQL_ROOT_PASSWORD" << SQL
CREATE USER 'temporal'@'%' IDENTIFIED BY '$TEMPORAL_DB_PASSWORD';
GRANT ALL ON \`temporal\`.* TO 'temporal'@'%';
GRANT ALL ON \`temporal\\_visibility\`.* TO 'temporal'@'%';
SQL
