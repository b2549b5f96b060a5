#!/bin/sh
# Makes Slipway's namespace where it is missing; the workers add the search attributes themselves.
set -eu

attempt=0
until temporal operator cluster health > /dev/null; do
  attempt=$((attempt + 1))
  [ "$attempt" -lt 60 ] || exit 1
  sleep 1
done
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d \
    --description 'Slipway: builds, scans and deliveries'
fi
