# The production image: the one program and the certificates it trusts. PostgreSQL is elsewhere; attachments and the
# signing key lie in the volume.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package callout-server --bin callout

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/callout --create-home callout
COPY --from=build /src/target/release/callout /usr/local/bin/callout
USER callout
ENV CALLOUT_DATA_DIR=/var/lib/callout CALLOUT_LISTEN=0.0.0.0:8080
VOLUME /var/lib/callout
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD curl --fail --silent http://127.0.0.1:8080/readyz || exit 1
STOPSIGNAL SIGTERM
CMD ["callout", "serve"]
