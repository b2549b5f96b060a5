# One image for every process of the product; the role is the first argument (`--help` lists them). It needs nothing of
# BuildKit, so that docker, podman and kaniko build it alike:
#   docker build -t slipway --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
# Node 24 is maintained until April 2028; newer tags are at https://hub.docker.com/_/node. Any Debian or Ubuntu with Node
# and npm will do.
ARG BASE_IMAGE=node:24-trixie-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# The native parts of packages come prebuilt: no script of theirs has to run here. Temporal's core comes for five
# platforms, 30 MB each, and runs on one.
RUN npm ci --ignore-scripts --no-audit --no-fund --cache /tmp/npm && rm -r /tmp/npm \
    && cd node_modules/@temporalio/core-bridge/releases \
    && ours="$(node -p '({ x64: "x86_64", arm64: "aarch64" })[process.arch]')-unknown-linux-gnu" \
    && test -d "$ours" \
    && find . -mindepth 1 -maxdepth 1 ! -name "$ours" -exec rm -r {} +
COPY . .
RUN npm run build:dist \
    && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --cache /tmp/npm && rm -rf /tmp/npm \
    && find dist node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
    && mkdir -p /out/opt/slipway /out/etc/slipway /out/usr/local/bin \
    && cp -r dist bin package.json LICENSE /out/opt/slipway/ \
    && cp deploy/image-config.yaml /out/etc/slipway/config.yaml \
    && ln -s /opt/slipway/bin/container /out/usr/local/bin/slipway

FROM ${BASE_IMAGE}
# The build worker clones with git over HTTPS and SSH; a base that brings them needs no package source.
RUN missing=''; \
    command -v git > /dev/null || missing="$missing git"; \
    command -v ssh > /dev/null || missing="$missing openssh-client"; \
    test -s /etc/ssl/certs/ca-certificates.crt || missing="$missing ca-certificates"; \
    if [ -n "$missing" ]; then \
      apt-get update && apt-get install -y --no-install-recommends $missing && rm -rf /var/lib/apt/lists/*; \
    fi
# What installs packages is not needed any more, and a scanner of images would go on finding faults in it. The numbers
# are fixed: volumes keep them.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
    && rm -f /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    && groupadd --gid 10001 slipway \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/slipway --no-create-home --shell /usr/sbin/nologin slipway \
    && for folder in '' /storage /builds /advisories; do install -d -o 10001 -g 10001 "/var/lib/slipway$folder"; done
WORKDIR /opt/slipway
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /out/ /

# Pool threads are shared by file access, DNS and password hashes: four of them would let a few slow writes block pulls.
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=16 \
    SLIPWAY_CONFIG=/etc/slipway/config.yaml \
    SLIPWAY_HEALTH_PORT=9091
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["slipway", "health"]
# The script replaces itself by node, so signals reach it. Node reaps only its own children: run the build worker with
# --init (`init: true`), because git leaves helpers of its own behind.
ENTRYPOINT ["slipway"]
CMD ["--help"]

ARG BASE_IMAGE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Slipway" \
      org.opencontainers.image.description="A container registry that builds, scans and tells" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
