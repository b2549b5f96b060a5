#!/bin/sh
# Makes or updates Temporal's two databases. Runs before each start of the server; what is there already stays.
set -eu

tool() {
  temporal-sql-tool --plugin mysql8 --ep mysql --port 3306 --user temporal "$@"
}

for name in temporal temporal_visibility; do
  tool --db "$name" create
  tool --db "$name" setup-schema --version 0.0
done
tool --db temporal update-schema --schema-dir /etc/temporal/schema/mysql/v8/temporal/versioned
tool --db temporal_visibility update-schema --schema-dir /etc/temporal/schema/mysql/v8/visibility/versioned
