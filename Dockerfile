# SPDX-License-Identifier: Apache-2.0
# The program `weir` on Debian 12. Builds with ./dev, which knows the packages that building needs.
#
#     docker build -t weir .
#     docker run --rm weir version

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN DESTDIR=/out ./dev install /usr/local \
    && strip /out/usr/local/bin/weir

FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libhiredis0.14 libmicrohttpd12 librocksdb7.8 libsimdjson14 libssl3 \
        libstdc++6 libuv1 libxxhash0 libyaml-0-2 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin weir
COPY --from=build /out/usr/local/bin/weir /usr/local/bin/weir
RUN weir version
USER weir
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["weir"]
CMD ["help"]
