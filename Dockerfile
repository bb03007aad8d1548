# syntax=docker/dockerfile:1

# Two stages: the first has a compiler, the second has the server and what it reads, and nothing else.
#
#   docker build -t switchboard .
#   docker run --rm -p 4000:4000 -e CATALOG_URL=http://catalog:5001 switchboard
#
# Serve other surfaces by mounting your own files:
#   docker run --rm -p 4000:4000 -v "$PWD/my:/srv:ro" switchboard

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches stay with the builder: a change in src/ does not build the dependencies again. The binary is copied out
# of the cache within the same step, because a cache is no part of a layer.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist --package switchboard --bin switchboard \
    && cp target/dist/switchboard /switchboard

# glibc and the certificates of public authorities; no shell, no package manager. The same Debian as above: the binary
# needs the glibc it was linked with.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /switchboard /usr/local/bin/switchboard
COPY switchboard.yaml /srv/switchboard.yaml
COPY schema/ /srv/schema/
WORKDIR /srv
# In a container the loopback address reaches nobody. Publish 4000 only: 4001 is for probes and metrics.
ENV LISTEN=0.0.0.0:4000 ADMIN=0.0.0.0:4001
EXPOSE 4000 4001
USER nonroot
# SIGTERM drains: requests under way may end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/switchboard"]
CMD ["serve", "--config", "switchboard.yaml"]
